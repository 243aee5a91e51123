import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Access, PolicySource } from '../access/access.ts'
import { createAccess } from '../access/access.ts'
import { createUndescribedNotes } from '../access/undescribed.ts'
import type { Gate } from '../gate.ts'
import type { Dialect } from '../request/dialect.ts'
import { createDialect } from '../request/dialect.ts'
import type { Answer, Form } from './answer.ts'
import { createAnswers } from './answer.ts'
import { defaultResourceMetadata } from './challenge.ts'

/** How the door answers. */
export interface DoorOptions {
  /** `GATE_RESOURCE_METADATA`: URL in the challenge; default: the issuer's. */
  readonly resourceMetadata?: string | undefined
  /** Base URL named in challenges until the issuer is known. */
  readonly fallbackIssuer: string
  /** `GATE_EMPTY_HEADERS`: set absent identity headers to empty, default false. */
  readonly emptyHeaders?: boolean | undefined
  /** The rules of `GATE_POLICY_FILE`; default: any good token may pass. */
  readonly policy?: PolicySource | undefined
  /** `GATE_DIALECT`: in whose words the proxy tells what a request was, default `forwarded`. */
  readonly dialect?: Dialect | undefined
}

const verifyPath = '/oauth2/token/verify'
const relayPath = '/ext-authz'
const bare = ['Cache-Control', 'no-store', 'Content-Length', '0'] as const
const notFound: Answer = { status: 404, headers: bare, body: '' }
/** A check never throws; should it ever, the request is refused and the process lives. */
const broken: Answer = { status: 503, headers: ['Retry-After', '1', ...bare], body: '' }
const notAllowed: Answer = { status: 405, headers: ['Allow', 'GET', ...bare], body: '' }

/**
 * The door: an HTTP server for proxies' auth requests. `GET /oauth2/token/verify` answers as the
 * server's own endpoint does. `/ext-authz` and every path below it is for proxies that send the
 * client's own method and path (Envoy) or relay a refusal to the client (Traefik, Caddy).
 *
 * It reads Node's own request and no framework's: the path is compared as it came, since a parsed
 * URL would turn `/oauth2/token/verify/../../health` into another path; and header lists are read
 * raw, since a joined one would hide a second `Authorization`.
 *
 * @param gate gives the verdicts
 * @param options challenge and header options
 * @returns a server that does not listen yet
 */
export function createDoor(gate: Gate, options: DoorOptions): Server {
  const answers = createAnswers({
    resourceMetadata: () =>
      options.resourceMetadata ?? defaultResourceMetadata(gate.issuer() ?? options.fallbackIssuer),
    emptyHeaders: options.emptyHeaders ?? false,
  })

  const dialect = options.dialect ?? 'forwarded'
  const access: Access<IncomingMessage> = createAccess({
    gate,
    policy: options.policy,
    describe: createDialect(dialect, relayPath),
    onUndescribed: createUndescribedNotes(gate.observer, dialect),
  })

  function answerTo(request: IncomingMessage, form: Form): Answer | Promise<Answer> {
    const url = request.url ?? ''
    // Nothing is ever read from the query; it may be there.
    const path = url.length === verifyPath.length ? url : url.split('?', 1)[0]
    if (path !== verifyPath) return isRelayed(url) ? check(request, 'relayed') : notFound
    return request.method === 'GET' ? check(request, form) : notAllowed
  }

  function check(request: IncomingMessage, form: Form): Answer | Promise<Answer> {
    const decision = access.check(request)
    if (!(decision instanceof Promise)) return answers.of(decision, form)
    return decision.then((settled) => answers.of(settled, form))
  }

  function listen(request: IncomingMessage, response: ServerResponse): void {
    const shape = shapeOf(request.rawHeaders)
    try {
      const answer = answerTo(request, shape.form)
      if (!(answer instanceof Promise)) write(response, answer, shape)
      else void answer.catch(() => broken).then((settled) => write(response, settled, shape))
    } catch {
      write(response, broken, shape)
    }
  }

  const server = createServer(
    { maxHeaderSize: 65_536, keepAliveTimeout: 75_000, headersTimeout: 80_000, noDelay: true },
    listen,
  )
  // No body is ever waited for, so the verdict itself is the answer to `Expect` (RFC 9110 §10.1.1).
  server.on('checkContinue', listen)
  server.on('checkExpectation', listen)
  server.on('clientError', refuse)
  return server
}

/** `/ext-authz` and everything below it, as it came: no path there is anything but a check. */
function isRelayed(url: string): boolean {
  if (!url.startsWith(relayPath)) return false
  const after = url.charAt(relayPath.length)
  return after === '' || after === '/' || after === '?'
}

/** What the header names alone tell of a request. */
interface Shape {
  form: Form
  hasBody: boolean
}

const describing = new Set(['x-forwarded-uri', 'x-original-uri', 'x-original-url'])

/** One pass without Node's header object, which would cost more than the verdict. */
function shapeOf(rawHeaders: readonly string[]): Shape {
  const shape: Shape = { form: 'direct', hasBody: false }
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i] as string
    if (raw.length < 14 || raw.length > 17) continue
    const name = raw.toLowerCase()
    if (describing.has(name)) shape.form = 'proxied'
    else if (name === 'transfer-encoding') shape.hasBody = true
    else if (name === 'content-length') shape.hasBody = rawHeaders[i + 1] !== '0'
  }
  return shape
}

function write(response: ServerResponse, answer: Answer, shape: Shape): void {
  // What follows a body that nobody reads could be taken for the next request.
  if (shape.hasBody) response.shouldKeepAlive = false
  response.writeHead(answer.status, answer.headers as string[])
  // Node writes the head in the encoding of the body: as UTF-8 the header bytes would be encoded
  // once more.
  response.end(answer.body, 'latin1')
}

const parserStatus: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** What Node's parser refused never becomes a request: one answer, and the connection ends. */
function refuse(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const status = parserStatus[error.code ?? ''] ?? '400 Bad Request'
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n`,
  )
}
