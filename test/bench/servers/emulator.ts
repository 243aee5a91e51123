import type {
  Agent,
  AgentOptions,
  EmulatorOptions,
  MintOptions,
  SignalOptions,
} from '../../../src/emulator/index.ts'
import { importBuilt } from '../built.ts'
import { serveCalls } from './calls.ts'

/**
 * The emulator as a process. It is not measured; it only must not run in a process that is.
 */

type EmulatorModule = typeof import('../../../src/emulator/index.ts')

const { startEmulator } = await importBuilt<EmulatorModule>('emulator/index.js')
const emulator = await startEmulator(JSON.parse(process.argv[2] ?? '{}') as EmulatorOptions)
let usual: Promise<Agent> | undefined

serveCalls(
  {
    agent: (options: AgentOptions) => emulator.agent(options),
    async mint(count: number, options: MintOptions) {
      usual ??= emulator.agent({ scopes: ['data:read', 'data:write'] })
      const agent = options.agent ?? (await usual)
      const tokens: string[] = []
      while (tokens.length < count) tokens.push(await emulator.mint({ ...options, agent }))
      return tokens
    },
    signal: (options: SignalOptions) => emulator.signal(options),
    /** An orchestrator, a sub-agent and a tool: one token of each, delegated in turn. */
    async trees(count: number, account: string) {
      const scopes = ['data:read']
      const [child, grandchild] = [
        await emulator.agent({ scopes, account }),
        await emulator.agent({ scopes, account }),
      ]
      const trees: { identityId: string; tokens: string[] }[] = []
      while (trees.length < count) {
        const root = await emulator.agent({ scopes, account })
        const first = await emulator.mint({ agent: root, scopes })
        const second = await emulator.delegate(first, { to: child, scopes })
        const third = await emulator.delegate(second, { to: grandchild, scopes })
        trees.push({ identityId: root.id, tokens: [first, second, third] })
      }
      return trees
    },
    /** One critical signal on each of `count` new agents of a tenant, a few at a time. */
    async flood(account: string, count: number) {
      for (let sent = 0; sent < count; sent += 50) {
        for (let i = 0; i < Math.min(50, count - sent); i++) {
          const { id } = await emulator.agent({ account })
          await emulator.signal({ identityId: id, account, severity: 'critical' })
        }
        // The stream's queue holds a hundred: what does not drain is dropped.
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
    silent: (on: boolean) => emulator.streams.silent(on),
    introspections: () => emulator.requests.count('introspect'),
    streams: () => emulator.requests.count('stream'),
  },
  { url: emulator.url },
)
