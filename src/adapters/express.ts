import type { Request, RequestHandler, Response } from 'express'
import * as core from './core.ts'

export type * from './public-types.ts'

declare global {
  namespace Express {
    interface Request {
      /** Who sends the request; undefined before `zeroid()`, and for anonymous ones it let in. */
      zeroid?: core.AgentIdentity | undefined
    }
  }
}

/**
 * Express middleware (4 and 5): strips every reserved header, lets nobody in without a good token,
 * and says who it is as `req.zeroid`. Use it before anything else.
 *
 * @param options of the gate, or a shared gate
 * @returns the middleware and its gate, which must be closed when the app ends
 * @throws TypeError that names the option that cannot be used
 */
export function zeroid(options: core.ZeroidOptions): RequestHandler & { readonly gate: core.Gate } {
  const reception = core.createReception(options)

  function zeroidGate(request: Request, response: Response, next: (error?: unknown) => void): void {
    const settle = (entry: core.Entry): void => {
      if (entry.answer !== undefined) core.writeAnswer(response, entry.answer)
      else {
        core.noteEntry(request, entry)
        request.zeroid = entry.agent
        next()
      }
    }
    const entry = reception.receive(request, response)
    if (entry instanceof Promise) entry.then(settle).catch(next)
    else settle(entry)
  }
  return Object.assign(zeroidGate, { gate: reception.gate })
}

type Guards = core.Guards<RequestHandler>
const guards: Guards = core.createGuards((requirement) => (request, response, next) => {
  const answer = core.refusalOf(request, requirement)
  if (answer === undefined) next()
  else core.writeAnswer(response, answer)
})
export const requireScope: Guards['requireScope'] = guards.requireScope
export const requireTrust: Guards['requireTrust'] = guards.requireTrust
export const requireTool: Guards['requireTool'] = guards.requireTool
export const requireIdentityType: Guards['requireIdentityType'] = guards.requireIdentityType
export const requireDelegation: Guards['requireDelegation'] = guards.requireDelegation

/**
 * Who sends the request, where the route cannot be reached without `zeroid()`.
 *
 * @throws Error where it can, AccessError `missing_token` where the request is anonymous
 */
export const identityOf: (request: Request) => core.AgentIdentity = core.agentOf

/**
 * Serves the resource's metadata (RFC 9728). Use it before `zeroid()`: it is public.
 *
 * @param options what is said
 */
export function protectedResource(
  options: core.ProtectedResourceOptions,
): RequestHandler & Pick<core.ProtectedResource, 'url'> {
  const { url, path, answer } = core.describeResource(options)
  const serve: RequestHandler = (request, response, next) => {
    const said = request.path === path ? answer(request.method) : undefined
    if (said === undefined) next()
    else core.writeAnswer(response, said)
  }
  return Object.assign(serve, { url })
}
