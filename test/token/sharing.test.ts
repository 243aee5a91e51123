import { expect, test } from 'vitest'
import type { Claims } from '../../src/token/claims.ts'
import { createSharedStrings } from '../../src/token/sharing.ts'

/** Equal to the last one, and no string of it the same. */
function fresh(changed: Partial<Claims> = {}): Claims {
  return JSON.parse(
    JSON.stringify({
      subject: 'spiffe://example.org/acct/proj/agent/a',
      accountId: 'acct',
      projectId: 'proj',
      tokenId: 'j1',
      issuedAt: 1,
      expiresAt: 2,
      grantType: 'client_credentials',
      missionId: 'm1',
      scopes: ['data:read', 'data:write'],
      audiences: ['https://api.example.com'],
      tools: [],
      delegationDepth: 1,
      profile: 'legacy',
      actors: [{ subject: 'spiffe://example.org/acct/proj/agent/b' }],
      ...changed,
    }),
  )
}

test('changes no claim', () => {
  const { share } = createSharedStrings()
  for (const claims of [fresh(), fresh(), fresh({ tokenId: 'm1' }), fresh({ scopes: [] })]) {
    expect(JSON.stringify(share(claims))).toBe(JSON.stringify(claims))
  }
})

test('holds one list for equal lists of scopes', () => {
  const { share } = createSharedStrings()
  expect(share(fresh()).scopes).toBe(share(fresh()).scopes)
  expect(share(fresh({ scopes: ['data:write', 'data:read'] })).scopes).not.toBe(
    share(fresh()).scopes,
  )
})

test('holds one list for the same single audience, and keeps longer lists apart', () => {
  const { share } = createSharedStrings()
  expect(share(fresh()).audiences).toBe(share(fresh()).audiences)
  const both = ['https://api.example.com', 'https://b.example.com']
  expect(share(fresh({ audiences: both })).audiences).toEqual(both)
})

test('goes on where more names come than it holds', () => {
  const { share } = createSharedStrings()
  for (let i = 0; i < 20_000; i++) {
    const subject = `spiffe://example.org/acct/proj/agent/${i}`
    expect(share(fresh({ subject })).subject).toBe(subject)
  }
})
