import { z } from 'zod'
import { parseBaseUrl } from '../dpop/htu.ts'
import type { Tenant } from '../gate/options.ts'
import type { ListenAddress } from '../http/listen.ts'

const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * A duration such as `30s`, in milliseconds.
 *
 * @param least milliseconds at least
 * @param most milliseconds at most
 */
export function duration(least: number, most: number): z.ZodType<number> {
  return z.string().transform((text, context) => {
    const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? []
    const value = Number(amount) * (units[unit ?? ''] ?? Number.NaN)
    return value >= least && value <= most ? value : reject(context)
  })
}

/**
 * A whole number.
 *
 * @param least at least
 * @param most at most
 */
export function count(least: number, most: number): z.ZodType<number> {
  return z.string().transform((text, context) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    return value >= least && value <= most ? value : reject(context)
  })
}

/** `on` or `off`. */
export const onOff: z.ZodType<boolean> = z.enum(['on', 'off']).transform((text) => text === 'on')

/** `true` or `false`. */
export const flag: z.ZodType<boolean> = z
  .enum(['true', 'false'])
  .transform((text) => text === 'true')

/**
 * An http or https URL without credentials, query or fragment. Letters outside ASCII become punycode
 * in the host and escapes in the path, as clients send them.
 */
export const url: z.ZodType<string> = z.string().transform((text, context) => {
  if (!URL.canParse(text)) return reject(context)
  const ascii = isAscii(text) ? text : new URL(text).href
  // `URL` takes more than URLs: backslashes, one slash, blanks.
  return parseBaseUrl(ascii) === undefined ? reject(context) : ascii.replace(/\/+$/, '')
})

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text)
}

/** `auto`, or `account/project` pairs joined by commas. */
export const tenants: z.ZodType<'auto' | readonly Tenant[]> = z
  .string()
  .transform((text, context) => {
    if (text === 'auto') return 'auto' as const
    const pairs = text.split(',').map((pair) => pair.trim().split('/'))
    if (!pairs.every((pair) => pair.length === 2 && pair.every((id) => id !== ''))) {
      return reject(context)
    }
    return pairs.map(([accountId = '', projectId = '']) => ({ accountId, projectId }))
  })

/** Values joined by commas. */
export const audiences: z.ZodType<readonly string[]> = z.string().transform((text, context) => {
  const values = text.split(',').map((value) => value.trim())
  return values.every((value) => value !== '') ? values : reject(context)
})

/** `host:port`, `[v6]:port` or `unix:/path`. */
export const listenAddress: z.ZodType<ListenAddress> = z.string().transform((text, context) => {
  const [, path] = /^unix:(\/.+)$/.exec(text) ?? []
  if (path !== undefined) return { path }
  const [, v6, host, port] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text) ?? []
  if (port === undefined || Number(port) > 65_535) return reject(context)
  return { host: v6 ?? host ?? '', port: Number(port) }
})

function reject(context: z.RefinementCtx): never {
  context.addIssue({ code: 'custom', message: 'not accepted' })
  return z.NEVER
}
