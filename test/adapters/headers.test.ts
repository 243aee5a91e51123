import { mkdtempSync } from 'node:fs'
import type { IncomingMessage, RequestOptions } from 'node:http'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { identityFromHeaders } from '../../src/adapters/headers.ts'
import { identityHeaders } from '../../src/http/identity-headers.ts'
import type { Identity } from '../../src/verdict.ts'
import { exchange } from '../helpers/raw.ts'
import { startStack } from '../helpers/stack.ts'
import { listenOn } from './app.ts'

type Trust = readonly [string, ...string[]]
type Read = ReturnType<typeof identityFromHeaders>

const identity: Identity = {
  subject: 'spiffe://zeroid.test/a/p/agent/čoko',
  accountId: 'a',
  projectId: 'p',
  tokenId: 't1',
  identityType: 'agent',
  trustLevel: 'first_party',
  externalId: 'čoko',
  actSubject: 'spiffe://zeroid.test/a/p/agent/parent',
  actor: 'spiffe://zeroid.test/a/p/agent/čoko',
  scopes: ['data:read', 'data:write'],
  delegationDepth: 1,
  missionId: 'm1',
  owner: 'user_7',
  subType: undefined,
  audiences: [],
  keyThumbprint: undefined,
  profile: 'legacy',
  principalType: undefined,
  actors: [],
  tools: [],
  grantType: 'token_exchange',
  issuedAt: 0,
  expiresAt: 1,
}

/** A backend that reads who asks; gives what it read from these header lines. */
async function backend(trust: Trust): Promise<(lines: readonly string[]) => Promise<Read>> {
  let read: Read
  const server = createServer((incoming, response) => {
    read = identityFromHeaders(incoming, { trust })
    response.end('ok')
  })
  const url = await listenOn(server)
  return async (lines) => {
    read = undefined
    await exchange(url, ['GET / HTTP/1.1', 'Host: x', ...lines, '', ''].join('\r\n'), 1)
    return read
  }
}

function linesOf(changed: Partial<Identity> = {}): string[] {
  const pairs = identityHeaders({ ...identity, ...changed }, false)
  return pairs.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${pairs[i + 1]}`] : []))
}

/** The headers of an identity by name. */
function named(who: Identity): Record<string, string> {
  const pairs = identityHeaders(who, false)
  return Object.fromEntries(pairs.flatMap((name, i) => (i % 2 ? [] : [[name, pairs[i + 1] ?? '']])))
}

function ask(options: RequestOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    request({ ...options, agent: false }, (answer) => {
      answer.resume().on('end', resolve)
    })
      .on('error', reject)
      .end()
  })
}

const loopback: Trust = ['127.0.0.1']

describe('identityFromHeaders', () => {
  test('reads what the gate wrote, as UTF-8', async () => {
    const read = await (await backend(loopback))(linesOf())
    const { grantType, issuedAt, expiresAt, actors, ...rest } = identity
    const { subType, audiences, keyThumbprint, ...told } = rest
    expect(read?.claims).toMatchObject(told)
    expect(read?.hasScope('data:write')).toBe(true)
    expect(read?.hasTrust('first_party')).toBe(true)
    expect([read?.isDelegated, read?.subject]).toEqual([true, identity.subject])
    expect(read?.priorActors.map(({ subject }) => subject)).toEqual([identity.actSubject])
  })

  test('tells the principal from the agent that acts', async () => {
    const actor = 'spiffe://zeroid.test/a/p/agent/one'
    const read = await (await backend(loopback))(
      linesOf({ subject: 'user_1', actor, actSubject: actor }),
    )
    expect([read?.subject, read?.currentActor.subject, read?.isDelegated]).toEqual([
      'user_1',
      actor,
      true,
    ])
    expect(read?.priorActors).toEqual([])
  })

  test.each([
    ['with an agent that acts', 'spiffe://zeroid.test/a/p/agent/one'],
    ['that acts itself', 'backup-job'],
  ])('takes no principal of a type that they do not tell for a human: one %s', async (_, actor) => {
    const subject = 'backup-job'
    const read = await (await backend(loopback))(
      linesOf({ subject, actor, actSubject: undefined, delegationDepth: 0 }),
    )
    expect([read?.subject, read?.human, read?.claims.principalType]).toEqual([
      subject,
      undefined,
      undefined,
    ])
    expect(read?.currentActor.subject).toBe(actor)
  })

  test('tells a user who delegated to an agent of the legacy profile', async () => {
    const read = await (await backend(loopback))(linesOf({ actSubject: 'user_1' }))
    expect([read?.human, read?.isDelegated]).toEqual(['user_1', true])
  })

  test('knows of no tool, which headers do not tell', async () => {
    const read = await (await backend(loopback))(linesOf({ tools: ['search'] }))
    expect(read?.hasTool('search')).toBe(false)
  })

  test('takes the creator of an API key for no delegation', async () => {
    const read = await (await backend(loopback))(
      linesOf({ actSubject: 'user_1', delegationDepth: 0 }),
    )
    expect([read?.isDelegated, read?.human]).toEqual([false, undefined])
  })

  test('reads what a real door answered', async () => {
    const { zeroid, present } = await startStack()
    const agent = await zeroid.agent({ name: 'zoë' })
    const answer = await present(await zeroid.mint({ agent }))
    const lines = [...answer.headers].map(([name, value]) => `${name}: ${value}`)
    const own = lines.filter((line) => line.startsWith('x-'))
    const read = await (await backend(loopback))(own)
    expect([read?.subject, read?.externalId]).toEqual([agent.wimseUri, 'zoë'])
  })

  test.each<[Trust, boolean]>([
    [['127.0.0.1'], true],
    [['127.0.0.0/8'], true],
    [['10.0.0.0/8', '127.0.0.1/32'], true],
    [['::ffff:127.0.0.1'], true],
    [['127.0.0.2'], false],
    [['10.0.0.0/8'], false],
    [['::1'], false],
    [['unix:/run/app.sock'], false],
  ])('trusts %j: %s', async (trust, trusted) => {
    expect((await (await backend(trust))(linesOf())) !== undefined).toBe(trusted)
  })

  /** A peer that comes to a server which listens for both families. */
  test.each<[string, Trust, boolean]>([
    ['127.0.0.1', ['127.0.0.1'], true],
    ['127.0.0.1', ['127.0.0.0/8'], true],
    ['127.0.0.1', ['::ffff:127.0.0.1'], true],
    ['127.0.0.1', ['127.0.0.2'], false],
    ['127.0.0.1', ['::1'], false],
    ['127.0.0.1', ['fc00::/7'], false],
    ['::1', ['::1'], true],
    ['::1', ['::/120'], true],
    ['::1', ['10.0.0.1', '::1/128'], true],
    ['::1', ['::2'], false],
    ['::1', ['127.0.0.1', '0.0.0.0/0'], false],
    ['::1', ['fe80::/10'], false],
  ])('of %s, at a server on ::, trusts %j: %s', async (peer, trust, trusted) => {
    let seen: string | undefined
    let read: Read
    const server = createServer((incoming, response) => {
      seen = incoming.socket.remoteAddress
      read = identityFromHeaders(incoming, { trust })
      response.end()
    })
    await new Promise<void>((resolve) => server.listen(0, '::', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    await ask({ host: peer, port, headers: named(identity) })
    expect(seen).toBe(peer === '::1' ? '::1' : `::ffff:${peer}`)
    expect(read !== undefined).toBe(trusted)
  })

  test.each([
    [undefined],
    [[]],
    ['127.0.0.1'],
    [['*']],
    [['localhost']],
    [['127.0.0.1/33']],
    [['10.0.0.0/']],
    [['::/129']],
    [['fe80::1%eth0']],
    [['unix:']],
    [[true]],
    [[null]],
  ])('refuses to be used with %j', (trust) => {
    const from = { rawHeaders: [], socket: {} } as unknown as IncomingMessage
    expect(() => identityFromHeaders(from, { trust: trust as never })).toThrow(TypeError)
    expect(() => identityFromHeaders(from, undefined as never)).toThrow('trust')
  })

  test('trusts a unix socket that it names, and no other', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'gate-')), 'app.sock')
    const reads: Read[] = []
    const server = createServer((incoming, response) => {
      reads.push(identityFromHeaders(incoming, { trust: [`unix:${path}`] }))
      reads.push(identityFromHeaders(incoming, { trust: ['unix:/run/other.sock'] }))
      reads.push(identityFromHeaders(incoming, { trust: loopback }))
      response.end()
    })
    await new Promise<void>((resolve) => server.listen(path, resolve))
    onTestFinished(() => void server.close())
    await ask({ socketPath: path, headers: named(identity) })
    expect(reads.map((read) => read !== undefined)).toEqual([true, false, false])
  })

  test('trusts no connection that is gone', () => {
    const from = { rawHeaders: identityHeaders(identity, false), socket: {} }
    expect(
      identityFromHeaders(from, { trust: ['0.0.0.0/0', 'unix:/run/app.sock'] }),
    ).toBeUndefined()
  })

  test.each<[string, (lines: string[]) => string[]]>([
    ['no headers at all', () => []],
    ['a header that comes twice', (lines) => [...lines, 'x-zeroid-owner: me']],
    ['the same header twice', (lines) => [...lines, lines[0] ?? '']],
    ['no subject', (lines) => lines.filter((line) => !line.startsWith('X-Forwarded-User'))],
    ['an empty subject', (lines) => ['X-Forwarded-User: ', ...lines.slice(1)]],
    ['no tenant', (lines) => lines.filter((line) => !line.startsWith('X-Zeroid-Account'))],
    ['no token id', (lines) => lines.filter((line) => !line.startsWith('X-Zeroid-Token'))],
    [
      'a depth that is no number',
      (lines) => lines.map((it) => it.replace(/(Depth): .*/, '$1: -1')),
    ],
    [
      'bytes that are no UTF-8',
      (lines) => lines.map((it) => it.replace(/(Owner): .*/, '$1: \xff')),
    ],
  ])('knows nobody by %s', async (_title, change) => {
    expect(await (await backend(loopback))(change(linesOf()))).toBeUndefined()
  })

  test('reads one spelling and no other', async () => {
    const read = await (await backend(loopback))([
      ...linesOf({ owner: undefined }),
      'X_Zeroid_Owner: me',
      'X.Zeroid.Owner: me',
    ])
    expect([read?.subject, read?.owner]).toEqual([identity.subject, undefined])
  })

  test('takes an empty header for an absent one', async () => {
    const read = await (await backend(loopback))([
      ...linesOf({ owner: undefined }),
      'X-Zeroid-Owner: ',
    ])
    expect([read?.subject, read?.owner]).toEqual([identity.subject, undefined])
  })
})
