import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { createWireClient } from '../doctor/client.ts'
import { createEcho } from '../doctor/echo.ts'
import type { Result } from '../doctor/examine.ts'
import { examine } from '../doctor/examine.ts'
import { closeNow } from '../doctor/gate-side.ts'
import type { Site } from '../doctor/probe.ts'
import type { StandIn } from '../doctor/stand-in.ts'
import { startStandIn } from '../doctor/stand-in.ts'
import type { ListenAddress } from '../http/listen.ts'
import { listen } from '../http/listen.ts'
import type { ProxyKind } from '../proxies/index.ts'
import { isProxyKind, proxyKinds } from '../proxies/index.ts'
import { OptionError, parseListen } from '../proxies/options.ts'
import { listenFault } from './listen-fault.ts'
import { untilSignal } from './shutdown.ts'
import type { CommandLine } from './usage.ts'
import { CommandError, exitCodes, readCommandLine, usage } from './usage.ts'

type Write = (text: string) => void

/**
 * `zeroid-gate doctor URL`: attacks a proxy and names the lines that it lacks.
 *
 * @param args the command line after `doctor`
 * @param write takes the text; default: standard output
 * @returns exit code: 0 where nothing is amiss, else 1
 * @throws CommandError (64) for a wrong command line, (1) where something cannot be had
 */
export async function doctor(
  args: readonly string[],
  write: Write = (text) => void process.stdout.write(text),
): Promise<number> {
  const words = args.filter((word) => word !== '--json')
  const flags = ['echo', 'gate', 'proxy', 'token-file']
  const line = readCommandLine('doctor', words, flags, 1)
  const [url] = line.operands
  const echo = await openEcho(line)
  if (url === undefined) return await echoAlone(echo, write)
  const standIn = await openGate(line)
  try {
    const client = createWireClient(proxyUrl(url))
    const site: Site = { client, token: standIn?.token ?? readToken(line), ...gateOf(standIn) }
    const results = await examine(site, proxyKind(line)).finally(() => client.close())
    write(words.length < args.length ? asJson(results) : asTable(results))
    return results.some(({ outcome }) => outcome === 'fix') ? exitCodes.failed : exitCodes.ok
  } catch (error) {
    const { code } = error as { code?: string }
    if (code !== 'ECONNREFUSED' && code !== 'ENOTFOUND') throw error
    throw new CommandError(`doctor: nothing answers at ${url} (${code})`)
  } finally {
    await standIn?.close()
    if (echo !== undefined) await closeNow(echo.server)
  }
}

interface OpenEcho {
  readonly server: Server
  readonly url: string
}

async function openEcho({ flags }: CommandLine): Promise<OpenEcho | undefined> {
  if (flags.echo === undefined) return undefined
  const address = addressOf('echo', flags.echo)
  const server = createEcho()
  try {
    return { server, url: await listen(server, address) }
  } catch (error) {
    throw listenFault(error, address, '--echo')
  }
}

async function echoAlone(echo: OpenEcho | undefined, write: Write): Promise<number> {
  if (echo === undefined) throw usage('doctor', 'no URL of a proxy given')
  const ended = untilSignal()
  write(`echo ${echo.url}: answers with what it got, until Ctrl-C\n`)
  await ended
  await closeNow(echo.server)
  return exitCodes.ok
}

async function openGate({ flags }: CommandLine): Promise<StandIn | undefined> {
  if (flags.gate === undefined) return undefined
  const address = addressOf('gate', flags.gate)
  try {
    return await startStandIn(address)
  } catch (error) {
    throw listenFault(error, address, '--gate')
  }
}

function gateOf(standIn: StandIn | undefined): Pick<Site, 'gate'> {
  return standIn === undefined ? {} : { gate: standIn.gate }
}

function addressOf(flag: string, text: string): ListenAddress {
  const path = /^unix:(\/.+)$/.exec(text)?.[1]
  if (path !== undefined) return { path }
  try {
    const { host, port } = parseListen(text)
    return { host: host || '127.0.0.1', port }
  } catch (error) {
    if (!(error instanceof OptionError)) throw error
    throw usage('doctor', `--${flag} ${error.message}`)
  }
}

function proxyUrl(text: string): string {
  if (/^http:\/\/[^/?#]+\/?$/.test(text) && URL.canParse(text)) return text
  throw usage('doctor', `${JSON.stringify(text)} is not http://host:port`)
}

function proxyKind({ flags }: CommandLine): ProxyKind | undefined {
  if (flags.proxy === undefined || isProxyKind(flags.proxy)) return flags.proxy
  throw usage(
    'doctor',
    `no proxy ${JSON.stringify(flags.proxy)}; there are ${proxyKinds.join(', ')}`,
  )
}

function readToken({ flags }: CommandLine): string {
  const file = flags['token-file']
  if (file === undefined) throw usage('doctor', 'needs --token-file FILE or --gate ADDRESS')
  try {
    return readFileSync(file, 'utf8')
      .trim()
      .replace(/^Bearer /i, '')
  } catch (error) {
    throw new CommandError(`doctor: cannot read ${file} (${(error as { code?: string }).code})`)
  }
}

function asJson(results: readonly Result[]): string {
  return `${JSON.stringify(results, undefined, 2)}\n`
}

function asTable(results: readonly Result[]): string {
  const count = (outcome: Result['outcome']): number =>
    results.filter((result) => result.outcome === outcome).length
  const rows = results.flatMap((result) => [
    `${result.outcome.padEnd(8)}${result.title}`,
    ...(result.problem === undefined ? [] : [`        ${result.problem}`]),
    ...(result.advice === undefined ? [] : [`        → ${result.advice}`]),
    ...(result.lines ?? []).map((text) => `          ${text}`),
  ])
  return `${rows.join('\n')}\n\n${count('ok')} ok, ${count('fix')} to fix, ${count('skipped')} skipped\n`
}
