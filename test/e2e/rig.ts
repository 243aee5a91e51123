import { chmodSync } from 'node:fs'
import type { WireClient } from '../../src/doctor/client.ts'
import { createWireClient } from '../../src/doctor/client.ts'
import { createEcho } from '../../src/doctor/echo.ts'
import { closeNow, createGateSide } from '../../src/doctor/gate-side.ts'
import type { GateSide, Site } from '../../src/doctor/probe.ts'
import type { Emulator } from '../../src/emulator/index.ts'
import { startEmulator } from '../../src/emulator/index.ts'
import type { GateOptions } from '../../src/gate/options.ts'
import { createGate } from '../../src/gate.ts'
import { createDoor } from '../../src/http/door.ts'
import { listen } from '../../src/http/listen.ts'
import type { ConfigFiles, GateAddress, ProxyOptions } from '../../src/proxies/options.ts'
import type { Verdict } from '../../src/verdict.ts'
import { unknown } from '../../src/verdict.ts'
import { freePort, startProxy } from './process.ts'
import type { ProxyServer } from './servers.ts'

/** Emulator, gate, door and echo: everything but the proxy. */
export interface Surroundings {
  readonly zeroid: Emulator
  readonly gate: GateSide
  readonly gateUrl: string
  readonly gateAddress: GateAddress
  readonly backendPort: number
  close(): Promise<void>
}

/** With the proxy between them. */
export interface Rig extends Surroundings, Site {
  readonly gate: GateSide
  readonly client: WireClient
  readonly log: () => string
}

const loopback = '127.0.0.1'

/** Starts everything but the proxy. */
export async function startSurroundings(
  options: Partial<GateOptions> = {},
  socket?: string,
): Promise<Surroundings> {
  const zeroid = await startEmulator()
  const engine = createGate({ url: zeroid.url, ...options })
  let instead: Verdict | undefined
  const door = createDoor(
    { ...engine, check: (request) => instead ?? engine.check(request) },
    { fallbackIssuer: zeroid.url },
  )
  const echo = createEcho()
  const gateUrl = await listen(
    door,
    socket === undefined ? { host: loopback, port: 0 } : { path: socket },
  )
  const backendUrl = await listen(echo, { host: loopback, port: 0 })
  const share = (): void => {
    // A proxy's workers may be another user.
    if (socket !== undefined) chmodSync(socket, 0o666)
  }
  share()
  await engine.started
  const address =
    socket === undefined ? { host: loopback, port: portOf(gateUrl) } : { path: socket }

  const side = createGateSide({
    door,
    address,
    async verdict(token) {
      const client = createWireClient(gateUrl)
      const headers = ['Authorization', `Bearer ${token}`]
      const answer = await client.send({ target: '/oauth2/token/verify', headers })
      client.close()
      return answer.headers
    },
    pretend(retryAfter) {
      instead = retryAfter === undefined ? undefined : unknown('server_unreachable', retryAfter)
    },
  })

  return {
    zeroid,
    gateUrl,
    gateAddress: address,
    backendPort: portOf(backendUrl),
    gate: {
      ...side,
      async back() {
        await side.back()
        share()
      },
    },
    async close() {
      await Promise.all([closeNow(door), closeNow(echo)])
      await engine.close()
      await zeroid.close()
    },
  }
}

/** How a rig differs from what is shipped. */
export interface RigOptions {
  /** Changes the proxy's config. */
  readonly change?: (files: ConfigFiles) => ConfigFiles
  readonly gate?: Partial<GateOptions>
  /** The gate listens on this unix socket. */
  readonly socket?: string
}

/** Starts all of it, and one agent's token. */
export async function startRig(
  server: ProxyServer,
  binary: string,
  { change = (files) => files, gate, socket }: RigOptions = {},
): Promise<Rig> {
  const surroundings = await startSurroundings(gate, socket)
  const { zeroid, gateAddress, backendPort } = surroundings
  try {
    const listenPort = await freePort()
    const options: ProxyOptions = {
      gate: gateAddress,
      backend: { host: loopback, port: backendPort },
      listen: { host: loopback, port: listenPort },
    }
    const proxy = await startProxy(server, binary, change(server.files(options)), listenPort)
    const client = createWireClient(proxy.url)
    return {
      ...surroundings,
      client,
      log: proxy.log,
      token: await zeroid.mint(),
      async close() {
        client.close()
        await proxy.close()
        await surroundings.close()
      },
    }
  } catch (error) {
    await surroundings.close()
    throw error
  }
}

function portOf(url: string): number {
  return Number(new URL(url).port)
}
