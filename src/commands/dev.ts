import type { Agent, Emulator } from '../emulator/index.ts'
import type { Observer } from '../observe/observer.ts'
import type { Verdict } from '../verdict.ts'
import { untilSignal } from './shutdown.ts'
import type { Trial } from './trial.ts'
import { maxStaleness, startTrial } from './trial.ts'
import { exitCodes, portFlag, readCommandLine } from './usage.ts'

/**
 * `zeroid-gate dev`: an in-memory ZeroID and a gate until SIGINT or SIGTERM.
 *
 * @param args the command line after `dev`
 * @returns the exit code
 * @throws CommandError where a port cannot be had
 */
export async function dev(args: readonly string[]): Promise<number> {
  const line = readCommandLine('dev', args, ['port', 'gate-port', 'admin-port'])
  const ports = {
    zeroid: portFlag('dev', line, 'port', 8899),
    gate: portFlag('dev', line, 'gate-port', 8900),
    admin: portFlag('dev', line, 'admin-port', 8901),
  }
  const ended = untilSignal()
  const trial = await startTrial(ports, verdictLines)
  const agent = await trial.zeroid.agent({ name: 'dev-agent' })
  write(welcome(trial, agent, await trial.zeroid.mint({ agent })))
  await ended
  await trial.close()
  return exitCodes.ok
}

/** What the gate says is shown below the welcome: the wire does not tell why. */
const verdictLines: Observer = {
  verdict: (verdict, seconds) => write(`${time()}  ${told(verdict)}  ${ms(seconds)}`),
  note(level, message, fields = {}) {
    if (level === 'warn' || level === 'error') {
      process.stderr.write(`${time()}  ${level}: ${message} ${JSON.stringify(fields)}\n`)
    }
  },
}

function told(verdict: Verdict): string {
  if (verdict.outcome === 'allow') {
    return `200 allow    ${verdict.evidence.kind}, ${verdict.identity.subject}`
  }
  if (verdict.outcome === 'unknown') return `503 unknown  ${verdict.reason}`
  const who = verdict.identity === undefined ? '' : `, ${verdict.identity.subject}`
  return `${verdict.status} deny     ${verdict.reason}${who}`
}

function welcome({ zeroid, sidecar }: Trial, agent: Agent, token: string): string {
  const verify = (base: string): string =>
    `curl -i -H "Authorization: Bearer $TOKEN" ${base}/oauth2/token/verify`
  return `zeroid-gate dev: an in-memory ZeroID and a gate; all is forgotten when it ends

  ZeroID  ${zeroid.url}
  gate    ${sidecar.url}  (GATE_MAX_STALENESS ${maxStaleness.text})
  admin   ${sidecar.adminUrl}  /health /ready /metrics

Paste into another terminal. The token is a throw-away of this in-memory server and worth
nothing anywhere else.

TOKEN=${token}

# May it pass? First the gate's word, then the server's.
${verify(sidecar.url)}
${verify(zeroid.url)}

# Revoke the token. No signal is sent; the gate denies within ${maxStaleness.text}.
curl -d "token=$TOKEN" ${zeroid.url}/oauth2/token/revoke
${verify(sidecar.url)}

# A new token of the same agent.
${newToken(zeroid, agent)}
${verify(sidecar.url)}

# A critical signal on the agent: the gate denies at once.
${signal(zeroid, agent)}
${verify(sidecar.url)}

Ctrl-C ends both. What the gate says:`
}

function newToken(zeroid: Emulator, agent: Agent): string {
  const request = `curl -s -d grant_type=api_key -d api_key=${agent.apiKey} -d scope=data:read`
  return `TOKEN=$(${request} ${zeroid.url}/oauth2/token | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`
}

function signal(zeroid: Emulator, agent: Agent): string {
  const body = JSON.stringify({
    identity_id: agent.id,
    signal_type: 'anomalous_behavior',
    severity: 'critical',
    source: 'dev',
  })
  const headers = [
    'Content-Type: application/json',
    `X-Account-ID: ${agent.account}`,
    `X-Project-ID: ${agent.project}`,
  ]
  const flags = headers.map((header) => `-H '${header}'`).join(' ')
  return `curl ${flags} -d '${body}' ${zeroid.url}/api/v1/signals/ingest`
}

function time(): string {
  return new Date().toTimeString().slice(0, 8)
}

function ms(seconds: number): string {
  return `(${(seconds * 1000).toFixed(2)} ms)`
}

function write(text: string): void {
  process.stdout.write(`${text}\n`)
}
