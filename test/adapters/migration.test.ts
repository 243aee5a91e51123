import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** What stands in the braces behind this text. */
function bracesBehind(text: string, start: string): string {
  const from = text.indexOf('{', text.indexOf(start))
  let depth = 0
  for (let i = from; i < text.length; i++) {
    if (text[i] === '{') depth++
    if (text[i] === '}' && --depth === 0) return text.slice(from + 1, i)
  }
  throw new Error(`no braces behind ${start}`)
}

/** The members at the top of a type. */
function membersOf(text: string, start: string): string[] {
  let depth = 0
  const names: string[] = []
  for (const line of bracesBehind(text, start).split('\n')) {
    const name = /^\s*(\w+)\??:/.exec(line)?.[1]
    if (depth === 0 && name !== undefined) names.push(name)
    depth += line.split(/[{(]/).length - line.split(/[})]/).length
  }
  if (names.length === 0) throw new Error(`no members behind ${start}`)
  return names
}

const bearer = read('node_modules/express-oauth2-jwt-bearer/dist/index.d.ts')
const fastifyJwt = read('node_modules/@fastify/jwt/types/index.d.ts')
const fastJwt = read('node_modules/fast-jwt/src/index.d.ts')
const honoJwk = read('node_modules/hono/dist/types/middleware/jwk/jwk.d.ts')
const honoJwt = read('node_modules/hono/dist/types/utils/jwt/jwt.d.ts')
const under = (name: string, names: readonly string[]): string[] =>
  names.map((it) => `${name}.${it}`)

/** The options of each, from its own types; express-jwt is not installed: from those of 8.5.1. */
const options: Record<string, readonly string[]> = {
  'express-jwt': [
    ...['secret', 'getToken', 'isRevoked', 'credentialsRequired', 'requestProperty', 'algorithms'],
    ...['onExpired', 'audience', 'clockTimestamp', 'clockTolerance', 'complete', 'issuer'],
    ...['ignoreExpiration', 'ignoreNotBefore', 'jwtid', 'nonce', 'subject', 'maxAge'],
    'allowInvalidAsymmetricKeyTypes',
  ],
  'express-oauth2-jwt-bearer': [
    ...membersOf(bearer, 'interface JwtVerifierOptions'),
    ...membersOf(bearer, 'interface AuthOptions$1').filter((name) => name !== 'dpop'),
    ...under('dpop', membersOf(bearer, 'interface DPoPOptions')),
    ...['getCertificate', 'claimCheck', 'claimEquals', 'claimIncludes', 'requiredScopes'],
    'scopeIncludesAny',
  ],
  '@fastify/jwt': [
    ...membersOf(fastifyJwt, 'interface FastifyJWTOptions').filter((name) => name !== 'verify'),
    ...under('verify', membersOf(fastJwt, 'interface VerifierOptions')),
    ...under('verify', ['extractToken', ...membersOf(fastifyJwt, 'interface VerifyOptions')]),
  ],
  'hono/jwk': [
    ...membersOf(honoJwk, 'jwk: (options:').filter((name) => name !== 'verification'),
    ...under('verification', membersOf(honoJwt, 'type VerifyOptions')),
    'init',
  ],
}

const sections = read('examples/README.md').split(/^### /m)

describe.each(Object.keys(options))('coming from %s', (name) => {
  const section = sections.find((text) => text.startsWith(name)) ?? ''

  test.each(options[name] ?? [])('`%s` has a counterpart, or it is said that it has none', (it) => {
    const rows = section.split('\n').map((line) => line.split(' | ')[0] ?? '')
    const named = new RegExp(`\`${it.replace('.', '\\.')}[\`:(]`)
    expect(rows.filter((cell) => named.test(cell))).toHaveLength(1)
  })
})
