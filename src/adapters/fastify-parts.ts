import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Answer } from '../http/answer.ts'
import { headersOf } from './write.ts'

/**
 * What `fastify-plugin` notes on a plugin that gets no context of its own: its hooks guard the
 * context that it is registered in.
 *
 * @param name of the plugin
 */
export function withoutContext(name: string): Readonly<Record<symbol, unknown>> {
  return {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: name,
    [Symbol.for('plugin-meta')]: { name, fastify: '5.x' },
  }
}

/**
 * Sends an answer as bytes, so that Fastify adds no charset and serializes nothing.
 *
 * @param reply that nothing was sent on
 * @param answer status, headers and body
 */
export function sendAnswer(reply: FastifyReply, answer: Answer): void {
  void reply.code(answer.status).headers(headersOf(answer)).send(Buffer.from(answer.body))
}

/**
 * Serves the metadata of a resource.
 *
 * @param app where
 * @param path of it, taken literally: `:` would be a parameter
 * @param answer to each method
 */
export function serveResource(
  app: FastifyInstance,
  path: string,
  answer: (method: string) => Answer | undefined,
): void {
  app.route({
    method: ['GET', 'HEAD', 'OPTIONS'],
    url: path.replaceAll(':', '::'),
    handler({ method }, reply) {
      const said = answer(method)
      if (said !== undefined) sendAnswer(reply, said)
    },
  })
}
