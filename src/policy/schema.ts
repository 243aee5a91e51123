import { z } from 'zod'
import { duration } from '../config/kinds.ts'
import { trustLevels } from '../identity/trust.ts'
import { hostProblem } from './host.ts'
import { methodForm, methodProblem } from './method.ts'
import { pathProblem } from './pattern.ts'
import type { PolicyDocument } from './policy.ts'
import { subjectProblem } from './subject.ts'

/** Most routes of a policy. */
const maxRoutes = 10_000
/** Most entries of one list. */
const maxEntries = 256

/** Bounds of a route's own staleness, milliseconds. */
const staleness = duration(1_000, 3_600_000)

/** Text with a rule of its own, which says in a clause what is wrong. */
function text(problem: (text: string) => string | undefined, schema: z.ZodString = z.string()) {
  return schema.max(1_024).check((context) => {
    const message = problem(context.value)
    if (message !== undefined) {
      context.issues.push({ code: 'custom', message, input: context.value })
    }
  })
}

function matching(pattern: RegExp, says: string) {
  return text((it) => (pattern.test(it) ? undefined : says))
}

function listOf(schema: z.ZodType<string, string>) {
  return z.array(schema).min(1).max(maxEntries)
}

/** An object that says something. */
function saying<Shape extends z.ZodRawShape>(shape: Shape) {
  return z
    .strictObject(shape)
    .refine((it) => Object.values(it).some((value) => value !== undefined), {
      error: `must say at least one of ${Object.keys(shape).join(', ')}`,
    })
}

/** RFC 6749 §3.3; scopes are also written between quotes into a header. */
const scope = matching(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be one scope, without blanks or quotes')
const word = matching(/^[^\s\p{Cc}]+$/u, 'must be a name without blanks')

const match = z.strictObject({
  path: text(pathProblem).meta({
    description:
      'The decoded path: literal segments, `*` for one segment or a part of one, `**` last for everything below. `/**` is every path.',
    pattern: '^/',
    examples: ['/healthz', '/tools/**', '/files/*.json'],
  }),
  host: text(hostProblem)
    .optional()
    .meta({
      description:
        'The host: exact, or `*.example.com` for everything below. A port counts only where it is named here.',
      examples: ['api.example.com', '*.example.com'],
    }),
  scheme: z.enum(['http', 'https']).optional().meta({ description: 'The scheme of the request.' }),
  methods: listOf(text(methodProblem).meta({ pattern: methodForm.source }))
    .optional()
    .meta({
      description: 'The methods, in capitals; GET stands for HEAD as well. Default: any.',
      examples: [['GET', 'POST'], ['M-SEARCH']],
    }),
})

const scopes = saying({
  all: listOf(scope).optional().meta({ description: 'Every one of these scopes.' }),
  any: listOf(scope).optional().meta({ description: 'At least one of these scopes.' }),
}).meta({ description: 'The scopes that the token must have been granted.' })

const delegation = saying({
  max_depth: z.int().min(0).max(64).optional().meta({
    description: 'Hops of delegation at most; 0: the agent itself, nobody in between.',
  }),
  actors: listOf(text(subjectProblem))
    .optional()
    .meta({
      description:
        'Every party that the token tells, the one that acts too, must match one of these: `*` is one segment, `**` last everything below.',
      examples: [['spiffe://example.org/acct-1/**']],
    }),
}).meta({ description: 'Who may act, and through how many hands.' })

const require = z
  .strictObject({
    scopes: scopes.optional(),
    trust: z.enum(trustLevels).optional().meta({
      description: 'The least trust level of the party that acts.',
    }),
    identity_types: listOf(word)
      .optional()
      .meta({
        description: 'The party that acts is of one of these types.',
        examples: [['agent', 'mcp_server']],
      }),
    sub_types: listOf(word)
      .optional()
      .meta({
        description: 'The subject is of one of these sub-types.',
        examples: [['orchestrator', 'tool_agent']],
      }),
    tenants: listOf(matching(/^[^\s/\p{Cc}]+\/[^\s/\p{Cc}]+$/u, 'must be account/project'))
      .optional()
      .meta({ description: 'The tenants let in, as `account/project`.' }),
    delegation: delegation.optional(),
    audience: z
      .union([word, listOf(word)])
      .optional()
      .meta({
        description: 'What the token was minted for: one of these must be in `aud`.',
      }),
    tools: listOf(word).optional().meta({
      description: '`allowed_tools` of the token must name all of these.',
    }),
    dpop: z.enum(['required', 'if_bound', 'off']).optional().meta({
      description:
        'Whether a DPoP proof (RFC 9449) is asked for; default `if_bound`: where the token is bound to a key.',
    }),
  })
  .meta({ description: 'What is asked for beyond a valid token.' })

const freshness = saying({
  max_staleness: text((it) =>
    staleness.safeParse(it).success ? undefined : 'is not a time from 1s to 1h, such as 5s',
  )
    .optional()
    .meta({ description: 'No allow rests on older knowledge: `1s` to `1h`.', examples: ['5s'] }),
  mode: z.enum(['hybrid', 'local', 'live']).optional().meta({
    description: 'Where an allow takes its evidence from; `live` asks the server each time.',
  }),
  on_unknown: z.enum(['deny', 'allow']).optional().meta({
    description: 'What becomes of a request that the gate cannot decide on.',
  }),
}).meta({ description: 'How old the knowledge behind an allow may be; default: as everywhere.' })

const route = z
  .strictObject({
    name: matching(/^\w(?:[\w .:/-]{0,62}\w)?$/, 'must be a short name of letters and digits')
      .optional()
      .meta({ description: 'For logs and metrics; default: its place, such as `#2`.' }),
    match: match.meta({ description: 'Which requests the route is for.' }),
    allow: z.enum(['anonymous', 'preflight']).optional().meta({
      description:
        '`anonymous`: no token is asked for. `preflight`: none for a true CORS preflight. Default: a valid token is.',
    }),
    require: require.optional(),
    freshness: freshness.optional(),
    shadow: z.boolean().optional().meta({
      description: 'Log and count what would be refused, and let it pass.',
    }),
  })
  .meta({
    description: 'One route. With neither `allow` nor `require` any valid token may pass.',
    not: { properties: { allow: { const: 'anonymous' } }, required: ['allow', 'require'] },
  })

const policy = z.strictObject({
  version: z.literal(1).meta({ description: 'The version of this format.' }),
  routes: z.array(route).max(maxRoutes).meta({
    description: 'In order: the first that matches decides. What none matches is denied.',
  }),
})

/** The shape of a policy document. */
export const documentShape: z.ZodType<PolicyDocument, PolicyDocument> = policy

/**
 * Milliseconds of a time that the document's shape has accepted.
 *
 * @param time such as `5s`
 */
export function stalenessOf(time: string): number {
  return staleness.parse(time)
}

/**
 * The document's shape for editors: JSON Schema, draft 2020-12.
 */
export function policySchema(): object {
  return z.toJSONSchema(policy, { io: 'input', target: 'draft-2020-12' })
}

/**
 * The keys that an object of the document may have.
 *
 * @param path of the object
 */
export function keysAt(path: readonly PropertyKey[]): readonly string[] {
  return keysIn(policy, path)
}

/**
 * The keys that an object within a shape may have.
 *
 * @param shape of a whole document
 * @param path of the object
 */
export function keysIn(shape: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let schema: unknown = shape
  for (const key of path) {
    const inner = unwrapped(schema)
    if (inner instanceof z.ZodArray) schema = inner.element
    else schema = inner instanceof z.ZodObject ? inner.shape[String(key)] : undefined
  }
  const inner = unwrapped(schema)
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : []
}

function unwrapped(schema: unknown): unknown {
  return schema instanceof z.ZodOptional ? schema.unwrap() : schema
}
