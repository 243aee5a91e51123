import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import type { Gate, ZeroidOptions } from 'zeroid-gate'
import { upgradeGuard } from 'zeroid-gate'
import * as onExpress from 'zeroid-gate/express'
import * as onFastify from 'zeroid-gate/fastify'
import { identityFromHeaders } from 'zeroid-gate/headers'
import * as onHono from 'zeroid-gate/hono'

/**
 * What must not compile: each `@ts-expect-error` fails the type check where it does. Nothing here
 * is ever run.
 */

declare const gate: Gate
declare const flag: boolean
declare const given: ZeroidOptions
const url = 'http://zeroid:8899'

export function options(): void {
  for (const { zeroid } of [onExpress, onFastify, onHono]) {
    zeroid({ url })
    zeroid({ url, optional: true, mode: 'live', maxStaleness: 1_000 })
    zeroid({ gate, resourceMetadata: 'https://mcp.example/x' })
  }
  // @ts-expect-error a gate needs to know its server
  onExpress.zeroid({})
  // @ts-expect-error
  onFastify.zeroid({ optional: true })
  // @ts-expect-error a misspelt option would leave a default in force
  onExpress.zeroid({ url, optinal: true })
  // @ts-expect-error
  onFastify.zeroid({ url, maxStalenes: 5 })
  // @ts-expect-error
  onHono.zeroid({ url, mode: 'fast' })
  // @ts-expect-error
  onExpress.zeroid({ url, optional: 'yes' })
  // @ts-expect-error what a given gate does was decided when it was made
  onExpress.zeroid({ gate, mode: 'live' })
  // @ts-expect-error a URL is no option object
  onHono.zeroid(url)
  // @ts-expect-error a socket always has an owner
  upgradeGuard({ gate, optional: true })
  // @ts-expect-error the sidecar's name for it: in an app it would be passed over
  onExpress.zeroid({ url, policyFile: 'policy.yaml' })
  void upgradeGuard({ url }).gate.close()
  // @ts-expect-error the issuer is the gate's
  onExpress.protectedResource({ resource: 'https://mcp.example' })
  // @ts-expect-error
  onExpress.protectedResource({ gate, resource: 'https://mcp.example', scope: ['a'] })
}

export function guards(): void {
  for (const guard of [onExpress, onFastify, onHono]) {
    guard.requireScope('a')
    guard.requireScope('a', 'b')
    guard.requireTrust('verified_third_party')
    guard.requireIdentityType('agent', 'something_new')
    guard.requireDelegation({ max: 2 })
    // @ts-expect-error a guard that asks for nothing
    guard.requireScope()
    // @ts-expect-error no such level
    guard.requireTrust('trusted')
    // @ts-expect-error
    guard.requireTrust()
    // @ts-expect-error
    guard.requireTool()
    // @ts-expect-error
    guard.requireIdentityType()
    // @ts-expect-error
    guard.requireDelegation({})
    // @ts-expect-error
    guard.requireDelegation({ max: '2' })
    // @ts-expect-error
    guard.requireDelegation({ maximum: 2 })
  }
}

/** An identity that may not be there cannot be used as if it were. */
export function identities(): void {
  express().get('/', (request) => {
    // @ts-expect-error nobody knows whether zeroid() runs before this route
    request.zeroid.requireScope('a')
    request.zeroid?.requireScope('a')
    onExpress.identityOf(request).requireScope('a')
  })
  fastify().get('/', (request) => {
    // @ts-expect-error
    request.zeroid.requireScope('a')
    onFastify.identityOf(request).requireScope('a')
  })
  new Hono().get('/', (c) => {
    // @ts-expect-error zeroid() is not in the chain
    return c.text(c.var.zeroid.subject)
  })
  new Hono().use(onHono.zeroid({ url })).get('/', (c) => c.text(c.var.zeroid.subject))
  new Hono()
    .use(onHono.zeroid({ url, optional: false }))
    .get('/', (c) => c.text(c.var.zeroid.owner ?? ''))
  new Hono().use(onHono.zeroid({ gate })).get('/', (c) => c.text(c.var.zeroid.subject))
  new Hono().use(onHono.zeroid({ url, optional: true })).get('/', (c) => {
    // @ts-expect-error an anonymous request has none
    return c.text(c.var.zeroid.subject)
  })
  new Hono().use(onHono.zeroid({ url, optional: flag })).get('/', (c) => {
    // @ts-expect-error it may come to be true
    return c.text(c.var.zeroid.subject)
  })
  new Hono().use(onHono.zeroid({ gate, policy: 'policy.yaml' })).get('/', (c) => {
    // @ts-expect-error a route of the policy may be for anybody
    return c.text(c.var.zeroid.subject)
  })
  new Hono().use(onHono.zeroid({ url, policy: { version: 1, routes: [] } })).get('/', (c) => {
    // @ts-expect-error
    return c.text(c.var.zeroid.subject)
  })
  new Hono().use(onHono.zeroid(given)).get('/', (c) => {
    // @ts-expect-error nobody can tell what these options hold
    return c.text(c.var.zeroid.subject)
  })
  const wide: { url: string; optional?: boolean } = { url }
  new Hono().use(onHono.zeroid(wide)).get('/', (c) => {
    // @ts-expect-error
    return c.text(c.var.zeroid.subject)
  })
}

export function agents(request: express.Request): void {
  const agent = onExpress.identityOf(request)
  agent.requireTrust('first_party')
  // @ts-expect-error no such level
  agent.requireTrust('firstparty')
  // @ts-expect-error
  agent.hasTrust('trusted')
  // @ts-expect-error a scope is asked for
  agent.requireScope()
  // @ts-expect-error
  agent.hasScope()
  // @ts-expect-error it is no method: as one it would always be true
  agent.isDelegated()
  const { hasScope } = agent
  // @ts-expect-error taken off its agent it would know no scopes
  hasScope('a')
  // @ts-expect-error claims are nobody's to change
  agent.claims.subject = 'admin'
  // @ts-expect-error
  agent.scopes.push('admin')
  // @ts-expect-error the token is not kept
  agent.token
  const aborted: boolean = agent.signal.aborted
  void aborted
}

export function headers(request: express.Request): void {
  identityFromHeaders(request, { trust: ['127.0.0.1'] })
  // @ts-expect-error whose word is taken must be said
  identityFromHeaders(request)
  // @ts-expect-error
  identityFromHeaders(request, {})
  // @ts-expect-error
  identityFromHeaders(request, { trust: [] })
  // @ts-expect-error
  identityFromHeaders(request, { trust: '127.0.0.1' })
  // @ts-expect-error headers alone do not tell where they came from
  identityFromHeaders(request.headers, { trust: ['127.0.0.1'] })
  // @ts-expect-error what a proxy forwards has no signal: its connection is cut in front
  identityFromHeaders(request, { trust: ['127.0.0.1'] })?.signal
}
