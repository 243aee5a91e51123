import { Agent, request } from 'node:http'

/** An answer, read to its end. */
export interface Answer {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Milliseconds from the request to the end of its answer. */
  readonly ms: number
}

/** One kept connection to one server, as a proxy would hold it. */
export interface Caller {
  get(path: string, headers?: Record<string, string>): Promise<Answer>
  post(path: string, body: object, headers?: Record<string, string>): Promise<Answer>
  close(): void
}

interface Call {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Record<string, string>
  readonly body?: string
}

/** Milliseconds after which a demo that hangs is a demo that failed. */
const timeout = 5_000

/** @param base URL of the server, without a path */
export function createCaller(base: string): Caller {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const { hostname, port } = new URL(base)

  function send({ method, path, headers, body }: Call): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const since = performance.now()
      const options = { agent, hostname, port, method, path, headers, timeout }
      const call = request(options, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers as Record<string, string>,
            body: text,
            ms: performance.now() - since,
          }),
        )
      })
      call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer`)))
      call.on('error', reject)
      call.end(body)
    })
  }

  return {
    get: (path, headers = {}) => send({ method: 'GET', path, headers }),
    post: (path, body, headers = {}) =>
      send({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
    close: () => agent.destroy(),
  }
}
