import type { FastifyPluginCallback, FastifyRequest, onRequestHookHandler } from 'fastify'
import * as core from './core.ts'
import { sendAnswer, serveResource, withoutContext } from './fastify-parts.ts'

export type * from './public-types.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sends the request; undefined before `zeroid()`, and for anonymous ones it let in. */
    zeroid: core.AgentIdentity | undefined
  }
}

/**
 * Fastify plugin: strips every reserved header, lets nobody in without a good token, and says who
 * it is as `request.zeroid`. It guards the context that it is registered in and all below, in
 * `onRequest`, before a body is read; register it before plugins whose hooks read headers.
 *
 * @param options of the gate, or a shared gate
 * @returns the plugin and its gate; a gate of its own is closed with the app
 * @throws TypeError that names the option that cannot be used
 */
export function zeroid(
  options: core.ZeroidOptions,
): FastifyPluginCallback & { readonly gate: core.Gate } {
  const reception = core.createReception(options)

  const onRequest: onRequestHookHandler = (request, reply, done) => {
    const settle = (entry: core.Entry): void => {
      if (entry.answer !== undefined) sendAnswer(reply, entry.answer)
      else {
        core.noteEntry(request, entry)
        request.zeroid = entry.agent
        done()
      }
    }
    const entry = reception.receive(request.raw, reply.raw)
    if (entry instanceof Promise) entry.then(settle).catch(done)
    else settle(entry)
  }

  const plugin: FastifyPluginCallback = (app, _options, done) => {
    if (!app.hasRequestDecorator('zeroid')) app.decorateRequest('zeroid', undefined)
    app.addHook('onRequest', onRequest)
    // Before the server waits for what is open: the streams that rest on the gate end with it.
    if (reception.own) app.addHook('preClose', () => reception.gate.close())
    done()
  }
  return Object.assign(plugin, { gate: reception.gate, ...withoutContext('zeroid-gate') })
}

type Guards = core.Guards<onRequestHookHandler>
const guards: Guards = core.createGuards((requirement) => (request, reply, done) => {
  const answer = core.refusalOf(request, requirement)
  if (answer === undefined) done()
  else sendAnswer(reply, answer)
})
export const requireScope: Guards['requireScope'] = guards.requireScope
export const requireTrust: Guards['requireTrust'] = guards.requireTrust
export const requireTool: Guards['requireTool'] = guards.requireTool
export const requireIdentityType: Guards['requireIdentityType'] = guards.requireIdentityType
export const requireDelegation: Guards['requireDelegation'] = guards.requireDelegation

/** Who sends it. @throws Error without `zeroid()`, AccessError `missing_token` for nobody */
export const identityOf: (request: FastifyRequest) => core.AgentIdentity = core.agentOf

/** Serves the resource's metadata (RFC 9728). Register it outside of what `zeroid()` guards. */
export function protectedResource(
  options: core.ProtectedResourceOptions,
): FastifyPluginCallback & Pick<core.ProtectedResource, 'url'> {
  const { url, path, answer } = core.describeResource(options)
  const plugin: FastifyPluginCallback = (app, _options, done) => {
    serveResource(app, path, answer)
    done()
  }
  return Object.assign(plugin, { url })
}
