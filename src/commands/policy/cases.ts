import { z } from 'zod'
import { trustLevels } from '../../identity/trust.ts'
import { findingsOf } from '../../policy/findings.ts'
import { policyError } from '../../policy/problems.ts'
import { keysIn } from '../../policy/schema.ts'
import { readYaml } from '../../policy/yaml-text.ts'
import type { Case, CaseIdentity, CaseRequest } from './case.ts'

const names = z.array(z.string())

const identityShape: z.ZodType<CaseIdentity> = z.strictObject({
  scopes: names.default([]),
  trust: z.enum(trustLevels).default('first_party'),
  identity_type: z.string().default('agent'),
  sub_type: z.string().optional(),
  tenant: z
    .string()
    .regex(/^[^/]+\/[^/]+$/, 'is not account/project')
    .default('acct-demo/proj-demo'),
  subject: z.string().default('spiffe://example.org/agent/case'),
  delegation_depth: z.int().min(0).default(0),
  actors: names.default([]),
  audience: z.union([z.string(), names]).default([]),
  tools: names.default([]),
  bound: z.boolean().default(false),
  proof: z.boolean().default(false),
})

const requestShape: z.ZodType<CaseRequest> = z
  .strictObject({
    method: z.string().optional(),
    url: z
      .string()
      .regex(/^(https?:\/\/[^/?#]+)?\//, 'is not a URL with a path, nor a path')
      .optional(),
    scheme: z.enum(['http', 'https']).optional(),
    host: z.string().optional(),
    path: z.string().optional(),
    preflight: z.string().optional(),
  })
  .refine((it) => it.url === undefined || (it.scheme ?? it.host ?? it.path) === undefined, {
    error: 'must have url, or scheme, host and path, not both',
  })
  .refine((it) => (it.url ?? it.scheme ?? it.host ?? it.path) !== undefined, {
    error: 'must say which request: url, or scheme, host and path',
  })
  .refine((it) => it.preflight === undefined || (it.method ?? 'OPTIONS') === 'OPTIONS', {
    error: 'is no method of a preflight, which is OPTIONS',
    path: ['method'],
  })

const caseShape: z.ZodType<Case> = z.strictObject({
  name: z.string().optional(),
  request: requestShape,
  identity: identityShape.optional(),
  expect: z.union([z.string(), z.int()]),
  route: z.string().optional(),
  scopes: names.optional(),
})

const casesShape: z.ZodType<readonly Case[]> = z.array(caseShape).min(1)

/**
 * Reads a table of cases.
 *
 * @param text YAML: a list of cases
 * @param file its name, for messages
 * @throws PolicyError with everything that is wrong, where it stands
 */
export function readCases(text: string, file: string): readonly Case[] {
  const { value, findings, locate } = readYaml(text)
  if (findings.length > 0) throw policyError(findings, file, locate)
  const read = casesShape.safeParse(value, { reportInput: true })
  if (read.success) return read.data
  const wrong = findingsOf(read.error, (path) => keysIn(casesShape, path))
  throw policyError(wrong, file, locate)
}
