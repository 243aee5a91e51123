import { describe, expect, it } from 'vitest'
import { parseSignal } from '../../src/revocation/signal.ts'

const id = '4f1c2f0e-6b1c-4f5e-9d55-8f0a4c6d2b11'
const good = {
  id: 'signal-1',
  account_id: 'acct',
  project_id: 'proj',
  identity_id: id,
  severity: 'high',
  created_at: '2026-11-22T10:11:12.123456789Z',
}

describe('parseSignal', () => {
  it('reads what the server writes', () => {
    expect(parseSignal({ ...good, mission_id: 'm', signal_type: 'retirement', extra: 1 })).toEqual({
      id: 'signal-1',
      accountId: 'acct',
      projectId: 'proj',
      identityId: id,
      revoking: true,
      createdAt: Date.UTC(2026, 10, 22, 10, 11, 12, 123),
      missionId: 'm',
    })
  })

  it.each([
    ['null', null],
    ['a list', []],
    ['a text', 'signal'],
    ['nothing', undefined],
    ['no id', { ...good, id: undefined }],
    ['an empty id', { ...good, id: '' }],
    ['an id that is a number', { ...good, id: 7 }],
    ['an id without end', { ...good, id: 'x'.repeat(1_025) }],
    ['no account', { ...good, account_id: undefined }],
    ['an empty project', { ...good, project_id: '' }],
    ['a project that is an object', { ...good, project_id: {} }],
  ])('cannot read %s', (_title, value) => {
    expect(parseSignal(value)).toBeUndefined()
  })

  it.each([
    ['low', false],
    ['medium', false],
    ['high', true],
    ['critical', true],
    ['Low', true],
    ['', true],
    ['fatal', true],
    [undefined, true],
    [null, true],
    [0, true],
    [['low'], true],
  ])('severity %j revokes: %s', (severity, revoking) => {
    expect(parseSignal({ ...good, severity })?.revoking).toBe(revoking)
  })

  it.each([
    '2026-11-22T10:11:12Z',
    '2026-11-22T10:11:12.1Z',
    '2026-11-22T10:11:12.123456Z',
    '2026-11-22T11:11:12.999999999+01:00',
  ])('reads the date %s', (created_at) => {
    const second = Date.UTC(2026, 10, 22, 10, 11, 12)
    const createdAt = parseSignal({ ...good, created_at })?.createdAt as number
    expect(Math.floor(createdAt / 1000)).toBe(second / 1000)
  })

  it.each([
    'yesterday',
    '',
    '22 Nov 2026',
    '2026-11-22',
    '2026-13-45T99:99:99Z',
    '2026-11-22T',
    1_700_000_000,
    null,
    undefined,
    {},
    '0',
    '1e9',
  ])('gives no date for %j', (created_at) => {
    const signal = parseSignal({ ...good, created_at })
    expect(signal).toBeDefined()
    expect(signal?.createdAt).toBeUndefined()
  })

  it.each([
    ['upper case is the same identity', id.toUpperCase(), id],
    ['a name is nobody', 'agent-1', undefined],
    ['a path is nobody', '../signals', undefined],
    ['a UUID and more is nobody', `${id}/x`, undefined],
    ['a UUID and a line end is nobody', `${id}\n`, undefined],
    ['empty is nobody', '', undefined],
    ['absent is nobody', undefined, undefined],
    ['a number is nobody', 7, undefined],
  ])('identity: %s', (_title, identity_id, expected) => {
    const signal = parseSignal({ ...good, identity_id })
    expect(signal).toBeDefined()
    expect(signal?.identityId).toBe(expected)
  })

  it.each([
    ['the member', { mission_id: 'a' }, 'a'],
    ['the payload', { payload: { mission_id: 'b' } }, 'b'],
    ['the member before the payload', { mission_id: 'a', payload: { mission_id: 'b' } }, 'a'],
    [
      'the payload where the member is empty',
      { mission_id: '', payload: { mission_id: 'b' } },
      'b',
    ],
    ['nothing in a payload that is null', { payload: null }, undefined],
    ['nothing in a payload that is text', { payload: 'mission_id' }, undefined],
    ['nothing that is no text', { mission_id: 7, payload: { mission_id: {} } }, undefined],
    ['nothing without end', { mission_id: 'x'.repeat(1_025) }, undefined],
  ])('mission: reads %s', (_title, members, expected) => {
    expect(parseSignal({ ...good, ...members })?.missionId).toBe(expected)
  })
})
