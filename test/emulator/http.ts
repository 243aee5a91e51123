import { type IncomingMessage, request } from 'node:http'

export interface Answer {
  status: number
  headers: Record<string, string>
  /** Header values as they came, one character per byte. */
  text: string
}

export interface Call {
  method?: string
  headers?: Record<string, string>
  body?: string | undefined
}

/** Sends one request on a connection of its own and reads the whole answer. */
export function call(
  url: string,
  { method = 'GET', headers = {}, body }: Call = {},
): Promise<Answer> {
  return new Promise<Answer>((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent: false }, (incoming) => {
      let text = ''
      incoming.setEncoding('utf8')
      incoming.on('data', (chunk: string) => {
        text += chunk
      })
      incoming.on('error', reject)
      incoming.on('end', () => {
        resolve({ status: incoming.statusCode ?? 0, headers: flat(incoming), text })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

function flat({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
}

export function postJson(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const type = { 'content-type': 'application/json' }
  return call(url, { method: 'POST', headers: { ...type, ...headers }, body: JSON.stringify(body) })
}

export function postForm(
  url: string,
  body: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  const form = new URLSearchParams(body).toString()
  return call(url, { method: 'POST', headers: { ...type, ...headers }, body: form })
}

export function tenant(account = 'acct-demo', project = 'proj-demo'): Record<string, string> {
  return { 'x-account-id': account, 'x-project-id': project }
}

/** A signal stream as a client sees it. */
export interface OpenStream {
  status: number
  headers: Record<string, string>
  /** Everything received so far. */
  readonly text: string
  /** How the connection ended; undefined while it is open. */
  readonly end: string | undefined
  /** Data of the `signal` events so far. */
  readonly signals: Record<string, unknown>[]
  close(): void
  pause(): void
  resume(): void
}

/** Opens a signal stream and waits for its headers. */
export function openStream(
  url: string,
  headers: Record<string, string> = tenant(),
): Promise<OpenStream> {
  return new Promise<OpenStream>((resolve, reject) => {
    let text = ''
    let end: string | undefined
    const path = '/api/v1/signals/stream'
    const outgoing = request(`${url}${path}`, { headers, agent: false }, (incoming) => {
      incoming.setEncoding('utf8')
      incoming.on('data', (chunk: string) => {
        text += chunk
      })
      incoming.on('end', () => {
        end ??= 'end'
      })
      incoming.on('error', (error: NodeJS.ErrnoException) => {
        end ??= error.code ?? error.message
      })
      resolve({
        status: incoming.statusCode ?? 0,
        headers: flat(incoming),
        get text() {
          return text
        },
        get end() {
          return end
        },
        get signals() {
          return [...text.matchAll(/^event: signal\ndata: (.*)\n\n/gm)].map((match) =>
            JSON.parse(match[1]!),
          )
        },
        close: () => outgoing.destroy(),
        pause: () => incoming.pause(),
        resume: () => incoming.resume(),
      })
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}

/** The payload of a compact JWS. */
export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())
}

/** The header of a compact JWS. */
export function headerOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString())
}
