import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Clock } from '../../src/clock.ts'
import type { PolicyFile } from '../../src/policy/source.ts'
import { followPolicyFile } from '../../src/policy/source.ts'
import { createFakeClock } from '../helpers/clock.ts'
import { until } from '../helpers/until.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'zg-policy-'))
  path = join(folder, 'policy.yaml')
  onTestFinished(() => rmSync(folder, { recursive: true }))
})

/** A policy of one route with this name. */
function naming(name: string): string {
  return `version: 1\nroutes:\n  - name: ${name}\n    match: { path: /** }\n`
}

const bad = 'version: 1\nroutes:\n  - name: tools\n    match: { path: tools }\n'
const fault = 'policy.yaml:4:20: routes[0].match.path: "tools" must start with /'

interface Followed {
  readonly file: PolicyFile
  /** What was told of it, in order: `ok` or `failed`, and the messages. */
  readonly told: string[]
  /** The name of the route in force. */
  readonly inForce: () => string | undefined
  /** Lets time pass until it was read this many times more. */
  readonly looks: (times: number) => Promise<void>
  /** Lets time pass until something is so. */
  readonly becomes: (condition: () => unknown) => Promise<void>
  /** Milliseconds until each next look, as they were asked for. */
  readonly waits: number[]
}

async function follow(): Promise<Followed> {
  const clock = createFakeClock()
  const waits: number[] = []
  const told: string[] = []
  const watched: Clock = {
    ...clock,
    after(ms, fn) {
      waits.push(ms)
      return clock.after(ms, fn)
    },
  }
  const file = await followPolicyFile(path, {
    clock: watched,
    observer: {
      policyLoaded: (ok) => void told.push(ok ? 'ok' : 'failed'),
      note: (level, message, fields) =>
        void told.push(`${level}: ${message}`, ...problemIn(fields)),
    },
  })
  onTestFinished(() => file.close())
  const tick = (): void => clock.advance(190)
  return {
    file,
    told,
    waits,
    inForce: () => file.current()?.routes[0]?.name,
    looks(times) {
      const goal = waits.length + times
      return until(() => waits.length >= goal, tick)
    },
    becomes: (condition) => until(condition, tick),
  }
}

function problemIn(fields: unknown): string[] {
  const { problem } = (fields ?? {}) as { problem?: string }
  return problem === undefined ? [] : [problem.replace(`${folder}/`, '')]
}

const loaded = ['ok', 'info: policy loaded']
const reloaded = ['ok', 'info: policy reloaded']
const kept = 'error: the policy cannot be used; the rules of before stay in force'
const refusing = 'error: the policy cannot be used; every request is refused with 503'

describe('rules that follow a file', () => {
  test('are in force when the start is over', async () => {
    writeFileSync(path, naming('one'))
    const { inForce, told, file } = await follow()
    expect(inForce()).toBe('one')
    expect(file.problem()).toBeUndefined()
    expect(told).toEqual(loaded)
  })

  test('change when it is written anew, without being told', async () => {
    writeFileSync(path, naming('one'))
    const { inForce, told, becomes } = await follow()
    writeFileSync(path, naming('two'))
    await becomes(() => inForce() === 'two')
    expect(told).toEqual([...loaded, ...reloaded])
  })

  test('change when another file is renamed to it', async () => {
    writeFileSync(path, naming('one'))
    const { inForce, becomes } = await follow()
    writeFileSync(join(folder, 'next'), naming('two'))
    renameSync(join(folder, 'next'), path)
    await becomes(() => inForce() === 'two')
  })

  test('change when the link that it is reached by is swapped, as a ConfigMap mount does', async () => {
    const mount = (name: string): void => {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'policy.yaml'), naming(name))
      symlinkSync(name, join(folder, 'next'))
      renameSync(join(folder, 'next'), join(folder, '..data'))
    }
    mount('one')
    symlinkSync(join('..data', 'policy.yaml'), path)
    const { inForce, becomes } = await follow()
    expect(inForce()).toBe('one')
    mount('two')
    await becomes(() => inForce() === 'two')
  })

  test('are parsed once for each change, however often it is read', async () => {
    writeFileSync(path, naming('one'))
    const { file, told, looks } = await follow()
    const first = file.current()
    await looks(5)
    await file.reload()
    expect(file.current()).toBe(first)
    expect(told).toEqual(loaded)
  })

  test('are those of before while it is bad: where and what is said once', async () => {
    writeFileSync(path, naming('one'))
    const { inForce, told, file, looks, becomes } = await follow()
    writeFileSync(path, bad)
    await becomes(() => file.problem() !== undefined)
    await looks(5)
    await file.reload()
    expect(inForce()).toBe('one')
    expect(file.problem()).toBe(join(folder, fault))
    expect(told).toEqual([...loaded, 'failed', kept, fault])
    writeFileSync(path, `${bad}# still`)
    await file.reload()
    expect(told).toEqual([...loaded, 'failed', kept, fault, 'failed'])

    writeFileSync(path, naming('two'))
    await becomes(() => inForce() === 'two')
    expect(file.problem()).toBeUndefined()
    expect(told.slice(-2)).toEqual(reloaded)
  })

  test('are in force again where a bad file becomes what it was', async () => {
    writeFileSync(path, naming('one'))
    const { inForce, told, file, becomes } = await follow()
    writeFileSync(path, bad)
    await becomes(() => file.problem() !== undefined)
    writeFileSync(path, naming('one'))
    await becomes(() => file.problem() === undefined)
    expect(inForce()).toBe('one')
    expect(told.slice(-2)).toEqual(reloaded)
  })

  test('outlast the file: its loss is said once, and its return too', async () => {
    writeFileSync(path, naming('one'))
    const { inForce, told, file, looks, becomes } = await follow()
    unlinkSync(path)
    await becomes(() => file.problem() !== undefined)
    await looks(5)
    expect(inForce()).toBe('one')
    expect(told).toEqual([...loaded, 'failed', kept, 'policy.yaml: cannot be read (ENOENT)'])

    writeFileSync(path, naming('one'))
    await becomes(() => file.problem() === undefined)
    expect(told.slice(-2)).toEqual(reloaded)
  })

  test('are not taken from a file that is only half written', async () => {
    const whole = `${naming('one')}    require: { scopes: { all: ['data:read'] } }\n`
    writeFileSync(path, whole)
    const { file, told, waits, becomes, looks } = await follow()
    // For a moment anybody with a good token could pass.
    writeFileSync(path, whole.slice(0, whole.indexOf('    require')))
    await becomes(() => waits.at(-1) === 200)
    writeFileSync(path, whole)
    await looks(3)
    expect(file.current()?.routes[0]?.requirements.scopes).toEqual({ all: ['data:read'] })
    expect(told).toEqual(loaded)
  })

  test('change at once where somebody says that it has changed', async () => {
    writeFileSync(path, naming('one'))
    const { inForce, file } = await follow()
    writeFileSync(path, naming('two'))
    await file.reload()
    expect(inForce()).toBe('two')
  })

  test('never go back to what a slower read found', async () => {
    writeFileSync(path, naming('one'))
    const { inForce, file } = await follow()
    for (let turns = 0; turns < 10; turns++) {
      // A read that has begun goes on with the file of before, and this one takes a while.
      writeFileSync(path, naming('slow').padEnd(1_048_576, '#'))
      const slow = file.reload()
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
      writeFileSync(join(folder, 'next'), naming(`rules-${turns}`))
      renameSync(join(folder, 'next'), path)
      await Promise.all([slow, file.reload()])
      expect(inForce()).toBe(`rules-${turns}`)
    }
  })

  test('stay as they are when it is closed', async () => {
    writeFileSync(path, naming('one'))
    const { inForce, file, waits } = await follow()
    writeFileSync(path, naming('two'))
    const reloading = file.reload()
    file.close()
    await reloading
    expect(inForce()).toBe('one')
    expect(waits).toEqual([2_000])
  })
})

describe('a file that cannot be used at the start', () => {
  test('gives no rules, says why, and needs no second start', async () => {
    writeFileSync(path, bad)
    const { inForce, told, file, becomes } = await follow()
    expect(file.current()).toBeUndefined()
    expect(told).toEqual(['failed', refusing, fault])
    writeFileSync(path, naming('one'))
    await becomes(() => inForce() === 'one')
    expect(told.slice(-2)).toEqual(loaded)
  })

  test('may come later', async () => {
    const { inForce, told, becomes } = await follow()
    expect(told).toEqual(['failed', refusing, 'policy.yaml: cannot be read (ENOENT)'])
    writeFileSync(path, naming('one'))
    await becomes(() => inForce() === 'one')
  })

  test.each<readonly [string, string, () => void]>([
    ['a folder', 'cannot be read (EISDIR)', () => mkdirSync(path)],
    ['a pipe', 'is not a regular file', () => void execFileSync('mkfifo', [path])],
    ['a device', 'is not a regular file', () => symlinkSync('/dev/zero', path)],
    ['a large file', 'is larger than 1 MiB', () => writeFileSync(path, '#'.repeat(1_048_577))],
    ['other than UTF-8', 'is not UTF-8 text', () => writeFileSync(path, Buffer.from([0x23, 0xff]))],
  ])('is %s', async (_what, says, make) => {
    make()
    const { file, told } = await follow()
    expect(file.current()).toBeUndefined()
    expect(told).toEqual(['failed', refusing, `policy.yaml: ${says}`])
  })

  test('is not one of a mebibyte, which is the longest', async () => {
    writeFileSync(path, naming('one').padEnd(1_048_576, '#'))
    const { inForce } = await follow()
    expect(inForce()).toBe('one')
  })
})
