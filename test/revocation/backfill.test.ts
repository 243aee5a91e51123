import { describe, expect, it } from 'vitest'
import type { Coverage, Page } from '../../src/revocation/backfill.ts'
import { createBackfill } from '../../src/revocation/backfill.ts'
import { createFakeClock } from '../helpers/clock.ts'
import { until } from '../helpers/until.ts'

const start = Date.UTC(2026, 0, 1)

/** Row `number`, created that many seconds after the start. */
const row = (number: number, created: unknown = new Date(start + number * 1000).toISOString()) => ({
  id: `signal-${number}`,
  account_id: 'a',
  project_id: 'p',
  identity_id: 'x',
  severity: 'low',
  created_at: created,
})

/** Rows `from` to `to`, newest first as the server lists them. */
const rows = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_row, index) => row(to - index))

function setUp(list: readonly unknown[] = []) {
  const clock = createFakeClock()
  const world = {
    list,
    most: 500,
    fail: false,
    failNext: 0,
    hold: undefined as Promise<void> | undefined,
  }
  const limits: number[] = []
  const pages: Page[] = []
  const covered: Coverage[] = []
  const failures: unknown[] = []
  const backfill = createBackfill({
    clock,
    async list(limit) {
      limits.push(limit)
      await world.hold
      if (world.fail || world.failNext-- > 0) throw new Error('down')
      const entries = world.list.slice(0, Math.min(limit, world.most))
      return { entries, full: entries.length >= Math.min(limit, world.most) }
    },
    onPage: (page) => void pages.push(page),
    onCovered: (coverage) => void covered.push(coverage),
    onFailure: (error) => void failures.push(error),
  })
  async function read(): Promise<{ known: number | undefined; limits: number[] }> {
    limits.length = 0
    const before = covered.length + failures.length
    backfill.read()
    await until(() => covered.length + failures.length > before)
    return { known: covered.at(-1)?.knownSince, limits: [...limits] }
  }
  return { clock, world, limits, pages, covered, failures, backfill, read }
}

describe('backfill', () => {
  it('knows everything where the first list is shorter than asked for', async () => {
    const { read } = setUp(rows(1, 99))
    expect(await read()).toEqual({ known: 0, limits: [100] })
  })

  it('knows everything where the list is empty', async () => {
    expect(await setUp([]).read()).toEqual({ known: 0, limits: [100] })
  })

  it('reads a wider page where the first one is full, and knows everything if that is not', async () => {
    expect(await setUp(rows(1, 499)).read()).toEqual({ known: 0, limits: [100, 500] })
  })

  it('knows since the oldest row where even the widest page is full', async () => {
    const { read } = setUp(rows(1, 600))
    expect(await read()).toEqual({ known: start + 101_000, limits: [100, 500] })
  })

  it('continues what was known where a full page holds a row of the last reading', async () => {
    const { read, world } = setUp(rows(1, 50))
    await read()
    world.list = rows(1, 149)
    expect(await read()).toEqual({ known: undefined, limits: [100] })
  })

  it('widens where it does not, and continues by the wide page', async () => {
    const { read, world } = setUp(rows(1, 50))
    await read()
    world.list = rows(1, 400)
    expect(await read()).toEqual({ known: undefined, limits: [100, 500] })
  })

  it('knows anew where more than 500 rows came in between', async () => {
    const { read, world } = setUp(rows(1, 50))
    await read()
    world.list = rows(1, 551)
    expect(await read()).toEqual({ known: start + 52_000, limits: [100, 500] })
    world.list = rows(1, 560)
    expect(await read()).toEqual({ known: undefined, limits: [100] })
  })

  it.each([
    ['the oldest row has no date', [...rows(102, 600), row(101, 'soon')], start + 102_000],
    ['no row has one', rows(101, 600).map(({ created_at: _, ...rest }) => rest), Infinity],
  ])('knows since the oldest date there is where %s', async (_title, list, expected) => {
    expect((await setUp(list).read()).known).toBe(expected)
  })

  it('continues where the list shrank, or is empty', async () => {
    const { read, world } = setUp(rows(1, 50))
    await read()
    world.list = rows(1, 3)
    expect((await read()).known).toBeUndefined()
    world.list = []
    expect((await read()).known).toBeUndefined()
    world.list = rows(1, 700)
    expect((await read()).known).toBe(start + 201_000)
  })

  it('does not take a row that a clock ahead keeps on top for a sign that it continues', async () => {
    const { read, world } = setUp([row(10_000), ...rows(1, 600)])
    await read()
    world.list = [row(10_000), ...rows(1, 700)]
    expect(await read()).toEqual({ known: undefined, limits: [100, 500] })
    world.list = [row(10_000), ...rows(1, 1_300)]
    expect(await read()).toEqual({ known: start + 802_000, limits: [100, 500] })
  })

  it('continues by entries that cannot be read, too', async () => {
    const odd = (number: number): unknown => ({ odd: number })
    const { read, world } = setUp([...rows(61, 100), odd(1), ...rows(1, 59)])
    await read()
    world.list = [...rows(61, 101), odd(1), ...rows(1, 59)].slice(0, 101)
    expect(await read()).toEqual({ known: undefined, limits: [100] })
  })

  it('knows since the oldest row of a page that had to be cut', async () => {
    const { read, world } = setUp(rows(1, 20))
    await read()
    world.list = rows(1, 40)
    world.most = 5
    expect(await read()).toEqual({ known: start + 36_000, limits: [100, 500] })
    world.list = rows(1, 44)
    expect(await read()).toEqual({ known: undefined, limits: [100] })
  })

  it('reads again where that was asked for during a reading that failed', async () => {
    const { backfill, world, covered, failures } = setUp(rows(1, 3))
    let release: () => void = () => {}
    world.hold = new Promise((resolve) => {
      release = resolve
    })
    world.failNext = 1
    backfill.read()
    backfill.read()
    release()
    await until(() => covered.length === 1)
    expect(failures).toHaveLength(1)
  })

  it('takes a failed reading for none', async () => {
    const { read, world, covered, failures, pages } = setUp(rows(1, 50))
    world.fail = true
    await read()
    expect([covered, pages, failures.length]).toEqual([[], [], 1])
    world.fail = false
    expect((await read()).known).toBe(0)
  })

  it('gives signals oldest first, and what cannot be read apart', async () => {
    const { read, pages } = setUp([row(3), null, row(2), { id: 'x' }, row(1)])
    await read()
    expect(pages[0]?.signals.map(({ id }) => id)).toEqual(['signal-1', 'signal-2', 'signal-3'])
    expect(pages[0]?.unreadable).toHaveLength(2)
  })

  it('tells rows that cannot be read apart, also equal ones and those that begin alike', async () => {
    const long = 'x'.repeat(2_000)
    const { read, pages } = setUp([null, null, { note: long }, { note: `${long}y` }])
    await read()
    expect(new Set(pages[0]?.unreadable).size).toBe(4)
    expect(pages[0]?.unreadable.every((key) => key.length < 100)).toBe(true)
  })

  it('reads once more where it is called during a reading, and only once', async () => {
    const { backfill, world, limits, covered, clock } = setUp()
    let release: () => void = () => {}
    world.hold = new Promise((resolve) => {
      release = resolve
    })
    const asked = clock.monotonic()
    backfill.read()
    clock.advance(100)
    for (let call = 0; call < 5; call++) backfill.read()
    expect(limits).toHaveLength(1)
    release()
    await until(() => covered.length === 2)
    expect(limits).toHaveLength(2)
    expect(covered.map(({ askedAt }) => askedAt - asked)).toEqual([0, 100])
  })

  it('tells nothing after close', async () => {
    const { backfill, world, covered, pages, failures } = setUp(rows(1, 3))
    let release: () => void = () => {}
    world.hold = new Promise((resolve) => {
      release = resolve
    })
    backfill.read()
    backfill.close()
    release()
    await new Promise((resolve) => setImmediate(resolve))
    backfill.read()
    await new Promise((resolve) => setImmediate(resolve))
    expect([covered, pages, failures]).toEqual([[], [], []])
  })
})
