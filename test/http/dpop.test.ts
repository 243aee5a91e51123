import { expect, test } from 'vitest'
import { makeProofKey, proof } from '../helpers/proofs.ts'
import type { Stack } from '../helpers/stack.ts'
import { createRecorder, startStack } from '../helpers/stack.ts'

const key = makeProofKey()
const url = 'https://api.example.com/orders'
const described = {
  'x-forwarded-method': 'POST',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'api.example.com',
  'x-forwarded-uri': '/orders?page=2',
}
const algs = 'algs="ES256 ES384 ES512 EdDSA PS256 PS384 PS512 RS256 RS384 RS512"'

/** The headers of a request with a good proof, changed. */
async function presented(
  { zeroid }: Stack,
  changed: Partial<Parameters<typeof proof>[0]> = {},
): Promise<Record<string, string>> {
  const token = await zeroid.mint({ boundTo: key.thumbprint })
  return {
    ...described,
    authorization: `DPoP ${token}`,
    dpop: proof({ key, method: 'POST', url, token, ...changed }),
  }
}

const gist = (answer: Response): string =>
  `${answer.status} ${answer.headers.get('x-zeroid-problem') ?? ''}`.trim()

test('a bound token passes with a proof, and the backend is told', async () => {
  const stack = await startStack()
  const headers = await presented(stack)
  const answer = await stack.verify(headers)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('x-zeroid-proof')).toBe('verified')
  expect(answer.headers.get('x-forwarded-user')).toMatch(/^spiffe:/)
})

test('a warm bound token needs a new proof each time', async () => {
  const stack = await startStack()
  const headers = await presented(stack)
  const token = headers.authorization?.slice(5) ?? ''
  expect((await stack.verify(headers)).status).toBe(200)
  expect(gist(await stack.verify(headers))).toBe('401 {"error":"invalid_dpop_proof"}')
  const dpop = proof({ key, method: 'POST', url, token })
  expect((await stack.verify({ ...headers, dpop })).status).toBe(200)
})

test('a bound token is refused as a bearer token, with and without a proof', async () => {
  const stack = await startStack()
  const headers = await presented(stack)
  const { dpop = '', ...rest } = headers
  const without = { ...rest, authorization: (rest.authorization ?? '').replace('DPoP', 'Bearer') }
  for (const sent of [{ ...without, dpop }, without]) {
    const answer = await stack.verify(sent)
    expect(gist(answer)).toBe('401 {"error":"invalid_token"}')
    expect(answer.headers.get('www-authenticate')).toBe(
      `Bearer error="invalid_token", resource_metadata="${stack.zeroid.url}/.well-known/oauth-protected-resource", DPoP error="invalid_token", ${algs}`,
    )
  }
})

test('an unbound token is refused under the DPoP scheme', async () => {
  const stack = await startStack()
  const token = await stack.zeroid.mint()
  const sent = {
    ...described,
    authorization: `DPoP ${token}`,
    dpop: proof({ key, method: 'POST', url, token }),
  }
  expect(gist(await stack.verify(sent))).toBe('401 {"error":"invalid_token"}')
  expect((await stack.present(token)).status).toBe(200)
})

test('what is refused of a proof is challenged under both schemes', async () => {
  const stack = await startStack()
  const answer = await stack.verify(await presented(stack, { method: 'GET' }))
  expect(gist(answer)).toBe('401 {"error":"invalid_dpop_proof"}')
  const challenge = answer.headers.get('www-authenticate') ?? ''
  expect(challenge).toMatch(/^Bearer error="invalid_token", resource_metadata="[^"]+", DPoP /)
  expect(challenge).toContain(`DPoP error="invalid_dpop_proof", ${algs}`)
})

test('a token that is no good is so under the DPoP scheme too', async () => {
  const stack = await startStack()
  const forged = await stack.verify({ ...described, authorization: 'DPoP a.b.c' })
  expect(gist(forged)).toBe('401 {"error":"invalid_token"}')
  expect(forged.headers.get('www-authenticate')).toContain(', DPoP error="invalid_token"')
  const malformed = await stack.verify({ ...described, authorization: 'DPoP a b' })
  expect(gist(malformed)).toBe('401 {"error":"invalid_authorization_header"}')
})

test('a revoked bound token is refused with a good proof', async () => {
  const stack = await startStack({ mode: 'live' })
  const headers = await presented(stack)
  const token = headers.authorization?.slice(5) ?? ''
  await stack.zeroid.revoke(token)
  expect(gist(await stack.verify(headers))).toBe('401 {"error":"invalid_token"}')
})

test('where the proxy tells nothing of the request, nobody can compare: 403, said to the operator', async () => {
  const recorder = createRecorder()
  const stack = await startStack({ observer: recorder })
  const { authorization = '', dpop = '' } = await presented(stack)
  for (let i = 0; i < 3; i++) {
    const answer = await stack.verify({ authorization, dpop })
    expect(`${answer.status} ${await answer.text()}`).toBe('403 {"error":"access_denied"}\n')
  }
  const told = recorder.notes.filter(({ message }) => message.includes('does not tell'))
  expect(told).toHaveLength(1)
  expect(told[0]?.fields).toMatchObject({ missing: 'method', dialect: 'forwarded' })
})

test('a client that adds the words of another dialect is refused with 400', async () => {
  const stack = await startStack()
  const answer = await stack.verify({ ...(await presented(stack)), 'x-original-uri': '/orders' })
  expect(gist(answer)).toBe('400 {"error":"invalid_request"}')
})

test('a proof that names a body is passed on as such', async () => {
  const stack = await startStack()
  const answer = await stack.verify(await presented(stack, { body: '{}' }))
  expect(answer.status).toBe(200)
  expect(answer.headers.get('x-zeroid-proof')).toBe('verified; body=unchecked')
  const plain = await stack.verify(await presented(stack))
  expect(plain.headers.get('x-zeroid-proof')).toBe('verified')
})

test('with GATE_DPOP=off a bound token passes as a bearer token, and nothing is said of proofs', async () => {
  const stack = await startStack({ dpop: false })
  const { authorization = '', ...rest } = await presented(stack)
  const answer = await stack.verify({
    ...rest,
    authorization: authorization.replace('DPoP', 'Bearer'),
  })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('x-zeroid-proof')).toBeNull()
  expect(gist(await stack.verify({ ...rest, authorization }))).toBe(
    '401 {"error":"invalid_authorization_header"}',
  )
})

test('a nonce is asked for, handed out and taken', async () => {
  const stack = await startStack({ dpopNonce: true })
  const first = await stack.verify(await presented(stack))
  expect(gist(first)).toBe('401 {"error":"use_dpop_nonce"}')
  expect(first.headers.get('www-authenticate')).toContain('DPoP error="use_dpop_nonce"')
  const nonce = first.headers.get('dpop-nonce') ?? ''
  expect(nonce).not.toBe('')
  expect((await stack.verify(await presented(stack, { nonce }))).status).toBe(200)
  expect(gist(await stack.verify(await presented(stack, { nonce: `${nonce}x` })))).toBe(
    '401 {"error":"use_dpop_nonce"}',
  )
})

test('the public URL stands in for what a proxy strips', async () => {
  const stack = await startStack({ publicUrl: 'https://shop.example.com/api' })
  const good = await presented(stack, { url: 'https://shop.example.com/api/orders' })
  expect((await stack.verify(good)).status).toBe(200)
  expect(gist(await stack.verify(await presented(stack)))).toBe(
    '401 {"error":"invalid_dpop_proof"}',
  )
})
