import type { Context, MiddlewareHandler } from 'hono'
import * as core from './core.ts'
import type { EnvOf } from './hono-env.ts'
import { exchangeOf, forgetIn, keepBody } from './web.ts'

export type * from './public-types.ts'

declare module 'hono' {
  interface ContextVariableMap {
    /** Who sends the request; chained after `zeroid()` it is known to be there. */
    zeroid: core.AgentIdentity | undefined
  }
}

/**
 * Hono middleware: strips every reserved header, lets nobody in without a good token, and says who
 * it is as `c.var.zeroid`. Use it before anything else.
 *
 * @param options of the gate, or a shared gate
 * @returns the middleware and its gate, which must be closed when the app ends
 * @throws TypeError that names the option that cannot be used
 */
export function zeroid<const O extends core.ZeroidOptions>(
  options: O,
): MiddlewareHandler<EnvOf<O>> & { readonly gate: core.Gate } {
  const reception = core.createReception(options)

  const middleware: MiddlewareHandler = async function zeroidGate(c, next) {
    const { request, response, follow } = exchangeOf(c)
    for (const name of reception.strip(request)) forgetIn(c, name)
    const entry = await reception.judge(request, response, (body) => keepBody(request, body))
    if (entry.answer !== undefined) return respond(entry.answer)
    core.noteEntry(c, entry)
    c.set('zeroid', entry.agent)
    return await next().finally(follow)
  }
  return Object.assign(middleware as MiddlewareHandler<EnvOf<O>>, { gate: reception.gate })
}

function respond(answer: core.Answer | undefined): Response | undefined {
  if (answer === undefined) return undefined
  const { status, body } = answer
  return new Response(status === 204 ? null : body, { status, headers: core.headersOf(answer) })
}

type Guards = core.Guards<MiddlewareHandler>
const guards: Guards = core.createGuards((requirement) => async (c, next) => {
  const answer = core.refusalOf(c, requirement)
  return respond(answer) ?? (await next())
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
export const identityOf: (c: Context) => core.AgentIdentity = core.agentOf

/**
 * Serves the resource's metadata (RFC 9728). Use it before `zeroid()`: it is public.
 *
 * @param options what is said
 */
export function protectedResource(
  options: core.ProtectedResourceOptions,
): MiddlewareHandler & Pick<core.ProtectedResource, 'url'> {
  const { url, path, answer } = core.describeResource(options)
  const serve: MiddlewareHandler = async (c, next) =>
    respond(c.req.path === path ? answer(c.req.method) : undefined) ?? (await next())
  return Object.assign(serve, { url })
}
