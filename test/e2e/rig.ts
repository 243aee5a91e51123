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
import type { DoorOptions } from '../../src/http/door.ts'
import { createDoor } from '../../src/http/door.ts'
import { listen } from '../../src/http/listen.ts'
import type { ConfigFiles, GateAddress, ProxyOptions } from '../../src/proxies/options.ts'
import type { Verdict } from '../../src/verdict.ts'
import { unknown } from '../../src/verdict.ts'
import { freePort, startProxy } from './process.ts'
import type { ProxyServer } from './servers.ts'

/** Emulator, gate, door and echo: everything but the proxy. */
interface Surroundings {
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
  /** Where the proxy listens, `http://host:port`. */
  readonly url: string
  readonly log: () => string
}

const loopback = '127.0.0.1'

/** Starts everything but the proxy. */
async function startSurroundings({ gate, door: rules, socket }: RigOptions): Promise<Surroundings> {
  const zeroid = await startEmulator()
  const engine = createGate({ url: zeroid.url, ...gate })
  let instead: Verdict | undefined
  const door = createDoor(
    { ...engine, check: (...asked) => instead ?? engine.check(...asked) },
    { fallbackIssuer: zeroid.url, ...rules },
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
  /** The rules, and how requests are described to the gate. */
  readonly door?: Pick<DoorOptions, 'policy' | 'dialect'>
  /** The gate listens on this unix socket. */
  readonly socket?: string
}

/** Starts all of it, and one agent's token. */
export async function startRig(
  server: ProxyServer,
  binary: string,
  rigOptions: RigOptions = {},
): Promise<Rig> {
  const { change = (files) => files } = rigOptions
  const surroundings = await startSurroundings(rigOptions)
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
      url: proxy.url,
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
