import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/**
 * The package as it is published: built, packed, unpacked into another project beside the
 * dependencies that are installed here, and imported in every way.
 */

const root = new URL('..', import.meta.url).pathname
const subpaths = ['', '/express', '/fastify', '/hono', '/headers', '/emulator']
let home: string
let project: string
let files: string[]

interface Manifest {
  readonly name: string
  readonly exports: Record<string, { types?: string; default?: string } | string>
  readonly dependencies: Record<string, string>
  readonly peerDependencies: Record<string, string>
  readonly peerDependenciesMeta: Record<string, { optional?: boolean }>
}

const manifest = (): Manifest =>
  JSON.parse(readFileSync(join(project, 'node_modules/zeroid-gate/package.json'), 'utf8'))

const run = (command: string, args: readonly string[], cwd: string): string =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

const packing = ['pack', '--json', '--ignore-scripts', '--offline']

/** What `npm pack --json` says of the one package. */
function entryOf(said: string): { filename: string; files: string[] } {
  const packed: unknown = JSON.parse(said)
  // npm names a list before version 12, and one entry for each package since.
  const entry = (Array.isArray(packed) ? packed : Object.values(packed as object))[0]
  return {
    filename: entry.filename,
    files: entry.files.map(({ path }: { path: string }) => path),
  }
}

/** Runs code in the project that has the package installed. */
function inProject(code: string, type: 'module' | 'commonjs'): string {
  return run(process.execPath, [`--input-type=${type}`, '-e', code], project).trim()
}

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'zeroid-gate-'))
  const staging = join(home, 'staging')
  mkdirSync(staging)
  // Built apart from `dist/`, which others may be using.
  run(
    join(root, 'node_modules/.bin/tsc'),
    ['-p', 'tsconfig.build.json', '--outDir', join(staging, 'dist')],
    root,
  )
  for (const name of ['package.json', 'LICENSE', 'CHANGELOG.md']) {
    writeFileSync(join(staging, name), readFileSync(join(root, name)))
  }
  const packed = entryOf(run('npm', [...packing, '--pack-destination', home], staging))
  files = packed.files
  project = join(home, 'project')
  const modules = join(project, 'node_modules')
  mkdirSync(join(modules, 'zeroid-gate'), { recursive: true })
  run(
    'tar',
    [
      '-xzf',
      join(home, packed.filename),
      '--strip-components=1',
      '-C',
      join(modules, 'zeroid-gate'),
    ],
    home,
  )
  const { dependencies, peerDependencies } = manifest()
  const needed = [...Object.keys({ ...dependencies, ...peerDependencies }), '@types', 'typescript']
  for (const name of needed) {
    if (name.includes('/')) mkdirSync(join(modules, name, '..'), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  writeFileSync(join(project, 'package.json'), '{"name":"user","private":true}')
}, 120_000)

afterAll(() => rmSync(home, { recursive: true, force: true }))

describe('the package', () => {
  test('holds the build, its papers and nothing else', () => {
    const odd = files.filter((path) => !/^dist\/[\w/.-]+\.(js|d\.ts)$/.test(path))
    expect(odd.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'package.json'])
  })

  describe('as this repository would publish it', () => {
    const may: readonly RegExp[] = [
      /^(README\.md|LICENSE|CHANGELOG\.md|package\.json)$/,
      /^dist\/([\w-]+\/)*[\w.-]+(\.d\.ts|\.js)$/,
      /^deploy\/([\w-]+\/)*[\w-]+\.(md|yml|yaml|conf|cfg|lua|env)$/,
      /^deploy\/caddy\/Caddyfile$/,
      /^examples\/(README\.md|[\w-]+\.ts|testing\.test\.ts)$/,
    ]
    let published: string[]
    beforeAll(() => {
      published = entryOf(run('npm', [...packing, '--dry-run'], root)).files
    })

    test('holds what it says that it holds, and nothing else', () => {
      expect(published.filter((path) => !may.some((pattern) => pattern.test(path)))).toEqual([])
    })

    test('holds no source, no test and no map', () => {
      const strange = /(^|\/)(src|test)\/|\.test\.|\.map$|(?<!\.d)\.ts$/
      const own = published.filter((path) => !path.startsWith('examples/'))
      expect(own.filter((path) => strange.test(path))).toEqual([])
    })

    test.each(['README.md', 'examples/README.md', 'deploy/README.md'])(
      'holds every file that its %s links to',
      (paper) => {
        const text = readFileSync(join(root, paper), 'utf8')
        const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)]
        const targets = links.map(([, path = '']) => join(dirname(paper), path))
        expect(targets.length).toBeGreaterThan(0)
        expect(targets.filter((path) => !published.includes(path))).toEqual([])
      },
    )
  })

  test('has every file that its exports name', () => {
    const named = Object.values(manifest().exports).flatMap((it) =>
      typeof it === 'string' ? [it] : Object.values(it),
    )
    expect(
      named.map((path) => path.replace('./', '')).filter((path) => !files.includes(path)),
    ).toEqual([])
  })

  test('exports these subpaths', () => {
    const paths = Object.keys(manifest().exports).filter((path) => path !== './package.json')
    expect(paths).toEqual(subpaths.map((path) => `.${path}`))
  })

  test('asks for no framework', () => {
    const { peerDependencies, peerDependenciesMeta, dependencies } = manifest()
    expect(Object.keys(peerDependencies)).toEqual(['express', 'fastify'])
    for (const name of Object.keys(peerDependencies)) {
      expect(peerDependenciesMeta[name]).toEqual({ optional: true })
      expect(dependencies).not.toHaveProperty(name)
    }
  })

  test('takes the Hono 4 that its user has, so that both mean the same types', () => {
    const { dependencies, peerDependencies } = manifest()
    // A second copy would be nested below the package, and the user's `c.var` know nothing of it.
    expect(dependencies.hono).toMatch(/^\^4\.\d+\.0$/)
    expect(peerDependencies).not.toHaveProperty('hono')
    const lowest = Number(dependencies.hono?.split('.')[1])
    const installed = JSON.parse(
      readFileSync(join(root, 'node_modules/hono/package.json'), 'utf8'),
    ) as { version: string }
    expect(lowest).toBeLessThan(Number(installed.version.split('.')[1]))
  })

  test.each(subpaths)('can be imported as zeroid-gate%s', (path) => {
    const names = inProject(
      `console.log(Object.keys(await import('zeroid-gate${path}')).join())`,
      'module',
    )
    expect(names.split(',')).toContain(
      { '': 'createGate', '/headers': 'identityFromHeaders', '/emulator': 'startEmulator' }[path] ??
        'zeroid',
    )
  })

  test.each(subpaths)('can be required as zeroid-gate%s', (path) => {
    const same = inProject(
      `import('zeroid-gate${path}').then((it) => console.log(require('zeroid-gate${path}') === it || Object.keys(require('zeroid-gate${path}')).join() === Object.keys(it).join()))`,
      'commonjs',
    )
    expect(same).toBe('true')
  })

  test.each(['express', 'fastify', 'hono'])('loads no framework with zeroid-gate/%s', (name) => {
    rmSync(join(project, 'node_modules/express'))
    rmSync(join(project, 'node_modules/fastify'))
    try {
      expect(inProject(`await import('zeroid-gate/${name}'); console.log('ok')`, 'module')).toBe(
        'ok',
      )
    } finally {
      for (const it of ['express', 'fastify']) {
        symlinkSync(join(root, 'node_modules', it), join(project, 'node_modules', it))
      }
    }
  })

  test.each([
    'zeroid-gate/dist/gate.js',
    'zeroid-gate/gate',
    'zeroid-gate/adapters/express',
    'zeroid-gate/dist/cli.js',
  ])('keeps %s to itself', (path) => {
    const code = `import('${path}').catch((error) => console.log(error.code))`
    expect(inProject(code, 'module')).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })

  test('guards an app that requires it', () => {
    const status = inProject(
      `const { startEmulator } = require('zeroid-gate/emulator')
       const { zeroid } = require('zeroid-gate/express')
       const express = require('express')
       startEmulator().then(async (server) => {
         const auth = zeroid({ url: server.url })
         await auth.gate.started
         const app = express().use(auth).get('/', (req, res) => res.send(req.zeroid.subject))
         const http = app.listen(0, '127.0.0.1', async () => {
           const url = 'http://127.0.0.1:' + http.address().port
           const headers = { authorization: 'Bearer ' + (await server.mint()) }
           console.log((await fetch(url)).status, (await fetch(url, { headers })).status)
           process.exit()
         })
       })`,
      'commonjs',
    )
    expect(status).toBe('401 200')
  })

  test('has types that a strict user can compile against', () => {
    const code = `import express from 'express'
import { Hono } from 'hono'
import { createGate, type Gate, type Verdict } from 'zeroid-gate'
import { startEmulator } from 'zeroid-gate/emulator'
import { identityOf, requireScope, zeroid } from 'zeroid-gate/express'
import * as onFastify from 'zeroid-gate/fastify'
import { identityFromHeaders } from 'zeroid-gate/headers'
import * as onHono from 'zeroid-gate/hono'
const gate: Gate = createGate({ url: 'http://zeroid:8899' })
const verdict: Verdict | Promise<Verdict> = gate.check({ rawHeaders: [] })
express().use(zeroid({ gate })).get('/', requireScope('a'), (req, res) => {
  const forwarded = identityFromHeaders(req, { trust: ['127.0.0.1'] })
  res.send([req.zeroid?.subject, identityOf(req).owner, forwarded?.subject].join())
})
// @ts-expect-error
onFastify.zeroid({ url: 'x', optinal: true })
// @ts-expect-error
onHono.requireTrust('trusted')
new Hono().use(onHono.zeroid({ gate })).get('/', (c) => c.text(c.var.zeroid.subject))
new Hono().get('/', (c) => c.text(c.var.zeroid?.subject ?? ''))
// @ts-expect-error
new Hono().get('/', (c) => c.text(c.var.zeroid.subject))
export { startEmulator, verdict }
`
    writeFileSync(join(project, 'user.mts'), code)
    const config = {
      compilerOptions: {
        strict: true,
        noEmit: true,
        module: 'nodenext',
        target: 'es2023',
        types: ['node'],
        skipLibCheck: true,
      },
      files: ['user.mts'],
    }
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config))
    expect(() => run(join(root, 'node_modules/.bin/tsc'), ['-p', '.'], project)).not.toThrow()
  })
})
