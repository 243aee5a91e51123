import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Agent, type Emulator, startEmulator } from '../../src/emulator/index.ts'
import { type OpenStream, openStream, tenant } from './http.ts'

const connected = 'event: connected\ndata: {}\n\n'
const recorded: { headers?: Record<string, string>; data?: string }[] = readFileSync(
  new URL('../wire/stream.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

describe('a signal stream', () => {
  let emulator: Emulator
  let agent: Agent
  const streams: OpenStream[] = []

  async function start(options = {}): Promise<void> {
    emulator = await startEmulator(options)
    agent = await emulator.agent()
  }
  async function open(headers = tenant()): Promise<OpenStream> {
    const stream = await openStream(emulator.url, headers)
    streams.push(stream)
    await vi.waitFor(() => expect(stream.text).toContain(connected))
    return stream
  }
  const ids = (stream: OpenStream) => stream.signals.map(({ id }) => id)

  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close()
    await emulator.close()
  })

  it('starts with the recorded headers and event', async () => {
    await start()
    const stream = await open()
    const { date, ...headers } = stream.headers
    const { date: _, ...expected } = recorded[0]!.headers!
    expect(stream.status).toBe(200)
    expect(headers).toEqual(expected)
    expect(date).toBeDefined()
    expect(stream.text).toBe(recorded[1]!.data)
    expect(emulator.streams.open).toBe(1)
  })

  it('writes a signal as the recorded one was written', async () => {
    await start()
    const stream = await open()
    await emulator.signal({ agent, payload: { reason: 'capture' } })
    await vi.waitFor(() => expect(stream.signals).toHaveLength(1))
    const frame = recorded.find(({ data }) => data?.includes('critical'))!.data!
    const values = /("(?:id|identity_id|source|created_at)"):"[^"]*"/g
    const shape = (text: string) => text.replaceAll(values, '$1')
    expect(shape(stream.text.slice(connected.length))).toBe(shape(frame))
  })

  it('carries the signals of its own tenant only, whatever colons the ids hold', async () => {
    await start()
    const mine = await open(tenant('a:b', 'c'))
    const near = await open(tenant('a', 'b:c'))
    const prefix = await open(tenant('a', 'b'))
    for (const [account, project] of [
      ['a:b', 'c'],
      ['a', 'b:c'],
      ['a', 'b'],
    ] as const) {
      await emulator.signal({ account, project, identityId: `${account}/${project}` })
    }
    await vi.waitFor(() => expect(prefix.signals).toHaveLength(1))
    const named = (stream: OpenStream) => stream.signals.map(({ identity_id }) => identity_id)
    expect([mine, near, prefix].map(named)).toEqual([['a:b/c'], ['a/b:c'], ['a/b']])
  })

  it('is deaf when its time is over: open and silent, and reset by the next signal', async () => {
    await start({ streamDeafAfter: 40 })
    const early = await open()
    const first = await emulator.signal({ agent })
    await vi.waitFor(() => expect(ids(early)).toEqual([first.id]))
    const late = await open()
    const opened = performance.now()
    await vi.waitUntil(() => performance.now() - opened > 60)
    expect([early.end, late.end]).toEqual([undefined, undefined])
    expect(emulator.streams.open).toBe(2)

    await emulator.signal({ agent })
    await vi.waitFor(() => expect([early.end, late.end]).toEqual(['ECONNRESET', 'ECONNRESET']))
    expect(ids(early)).toEqual([first.id])
    expect(ids(late)).toEqual([])
    await vi.waitFor(() => expect(emulator.streams.open).toBe(0))
  })

  it('can be made deaf at once', async () => {
    await start({ streamDeafAfter: 0 })
    const stream = await open()
    emulator.streams.deafen()
    await emulator.signal({ agent })
    await vi.waitFor(() => expect(stream.end).toBe('ECONNRESET'))
    expect(stream.signals).toEqual([])
  })

  it('drops what its queue does not hold while it is not drained', async () => {
    await start({ streamQueue: 100 })
    const stream = await open()
    const burst = Array.from({ length: 300 }, () => emulator.signal({ agent, severity: 'low' }))
    const kept = (await Promise.all(burst)).slice(0, 100).map(({ id }) => id)
    const last = await emulator.signal({ agent, severity: 'low' })
    await vi.waitFor(() => expect(ids(stream)).toEqual([...kept, last.id]))
  })

  it('keeps up with signals raised one after the other', async () => {
    await start({ streamQueue: 5 })
    const stream = await open()
    for (let count = 0; count < 50; count += 1) await emulator.signal({ agent, severity: 'low' })
    await vi.waitFor(() => expect(stream.signals).toHaveLength(50))
  })

  it('fills its queue when the client does not read', async () => {
    await start({ streamQueue: 3 })
    const stream = await open()
    stream.pause()
    const payload = { filler: 'x'.repeat(1_000_000) }
    for (let count = 0; count < 30; count += 1) {
      await emulator.signal({ agent, severity: 'low', payload })
    }
    stream.resume()
    const last = await vi.waitFor(async () => {
      const signal = await emulator.signal({ agent, severity: 'low' })
      await vi.waitFor(() => expect(ids(stream)).toContain(signal.id), { timeout: 100 })
      return signal
    })
    expect(ids(stream)).toContain(last.id)
    expect(stream.signals.filter(({ payload: filled }) => filled).length).toBeLessThan(30)
  })

  it.each([
    ['close', 'end'],
    ['reset', 'ECONNRESET'],
  ] as const)('can be dropped by a %s', async (how, end) => {
    await start()
    const stream = await open()
    emulator.streams.drop(how)
    await vi.waitFor(() => expect(stream.end).toBe(end))
    await vi.waitFor(() => expect(emulator.streams.open).toBe(0))
  })

  it('can be passed over, as by another replica: the signal is stored and revokes', async () => {
    await start()
    const stream = await open()
    const token = await emulator.mint({ agent })
    emulator.streams.silent(true)
    await emulator.signal({ agent })
    emulator.streams.normal()
    const loud = await emulator.signal({ agent, severity: 'low' })
    await vi.waitFor(() => expect(ids(stream)).toEqual([loud.id]))
    expect(emulator.active(token)).toBe(false)
  })

  it('can be half-open: it swallows everything and stays open, and a new one works', async () => {
    await start()
    const stream = await open()
    emulator.streams.halfOpen()
    const next = await open()
    const signal = await emulator.signal({ agent })
    await vi.waitFor(() => expect(ids(next)).toEqual([signal.id]))
    expect(stream.end).toBeUndefined()
    expect(stream.signals).toEqual([])
    expect(emulator.streams.open).toBe(2)
  })

  it('can repeat, swap and delay signals', async () => {
    await start()
    const stream = await open()
    emulator.streams.duplicate(3)
    const twin = await emulator.signal({ agent })
    await vi.waitFor(() => expect(ids(stream)).toEqual([twin.id, twin.id, twin.id]))
    emulator.streams.normal()

    emulator.streams.reorder(true)
    const [first, second, third] = [
      await emulator.signal({ agent }),
      await emulator.signal({ agent }),
      await emulator.signal({ agent }),
    ]
    await vi.waitFor(() => expect(ids(stream).slice(3)).toEqual([second.id, first.id]))
    emulator.streams.normal()
    await vi.waitFor(() => expect(ids(stream).at(-1)).toBe(third.id))

    emulator.streams.delay(50)
    const before = performance.now()
    const delayed = await emulator.signal({ agent })
    await vi.waitFor(() => expect(ids(stream).at(-1)).toBe(delayed.id))
    expect(performance.now() - before).toBeGreaterThanOrEqual(49)
  })

  it('carries raw bytes', async () => {
    await start()
    const stream = await open()
    emulator.streams.raw(': hello\r\n')
    emulator.streams.raw(Buffer.from('data: ä\n\n'))
    await vi.waitFor(() => expect(stream.text).toBe(`${connected}: hello\r\ndata: ä\n\n`))
  })

  it('announces nothing when a token is revoked', async () => {
    await start()
    const stream = await open()
    const token = await emulator.mint({ agent })
    await emulator.revoke(token)
    const marker = await emulator.signal({ agent, severity: 'low' })
    await vi.waitFor(() => expect(ids(stream)).toEqual([marker.id]))
  })
})
