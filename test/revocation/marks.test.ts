import { describe, expect, it } from 'vitest'
import type { Suspicion } from '../../src/revocation/facts.ts'
import { createKnowledge } from '../../src/revocation/knowledge.ts'
import { createMarks } from '../../src/revocation/marks.ts'

const suspicion = (at: number): Suspicion => ({ at, since: at, settledAt: at })

describe('marks', () => {
  it('only ever rise', () => {
    const marks = createMarks({ max: 10, onDrop: () => {} })
    marks.raise('a', { at: 5, since: 1, settledAt: 9 })
    marks.raise('a', { at: 3, since: 2, settledAt: 4 })
    expect(marks.get('a')).toEqual({ at: 5, since: 2, settledAt: 9 })
    marks.raise('a', suspicion(10))
    expect(marks.get('a')).toEqual(suspicion(10))
    expect(marks.size()).toBe(1)
  })

  it('tell of each that gave way, the one raised longest ago first', () => {
    const dropped: Suspicion[] = []
    const marks = createMarks({ max: 2, onDrop: (lost) => void dropped.push(lost) })
    marks.raise('a', suspicion(1))
    marks.raise('b', suspicion(2))
    marks.raise('a', suspicion(3))
    expect(dropped).toEqual([])
    marks.raise('c', suspicion(4))
    expect(dropped).toEqual([suspicion(2)])
    expect([marks.get('a'), marks.get('b'), marks.get('c')]).toEqual([
      suspicion(3),
      undefined,
      suspicion(4),
    ])
  })

  it('are pruned by their date, and told of', () => {
    const dropped: Suspicion[] = []
    const marks = createMarks({ max: 10, onDrop: (lost) => void dropped.push(lost) })
    for (const at of [1, 2, 3]) marks.raise(String(at), suspicion(at))
    marks.prune(3)
    expect(dropped).toEqual([suspicion(1), suspicion(2)])
    expect(marks.size()).toBe(1)
  })

  it('keep names that JavaScript has a use for', () => {
    const marks = createMarks({ max: 10, onDrop: () => {} })
    expect(marks.get('__proto__')).toBeUndefined()
    marks.raise('__proto__', suspicion(1))
    expect(marks.get('constructor')).toBeUndefined()
    expect(marks.get('__proto__')).toEqual(suspicion(1))
  })
})

describe('knowledge', () => {
  it('keeps 100 000 marks, each of them enforced', () => {
    const knowledge = createKnowledge()
    for (let agent = 0; agent < 100_000; agent++) {
      knowledge.suspect(`signal-${agent}`, suspicion(agent), undefined)
      knowledge.apply(`signal-${agent}`, `agent-${agent}`, suspicion(agent))
    }
    expect(knowledge.markCount()).toBe(100_000)
    expect(knowledge.pendingCount()).toBe(0)
    expect(knowledge.pending).toBeUndefined()
    for (let agent = 0; agent < 100_000; agent++) {
      if (knowledge.mark(`agent-${agent}`)?.at !== agent) expect.fail(`agent-${agent}`)
    }
  })

  it('suspects everybody up to a mark that gave way', () => {
    const knowledge = createKnowledge({ maxMarks: 2 })
    for (const at of [1, 2, 3]) {
      knowledge.suspect(`s${at}`, suspicion(at), undefined)
      knowledge.apply(`s${at}`, `agent-${at}`, suspicion(at))
    }
    expect(knowledge.markCount()).toBe(2)
    expect(knowledge.mark('agent-1')).toBeUndefined()
    expect(knowledge.pending).toEqual(suspicion(1))
  })

  it('suspects everybody up to a mission that gave way', () => {
    const knowledge = createKnowledge({ maxMissions: 1 })
    knowledge.suspect('s1', suspicion(1), 'm1')
    knowledge.suspect('s2', suspicion(2), 'm2')
    knowledge.dismiss('s1')
    knowledge.dismiss('s2')
    expect(knowledge.mission('m1')).toBeUndefined()
    expect(knowledge.mission('m2')).toEqual(suspicion(2))
    expect(knowledge.pending).toEqual(suspicion(1))
  })

  it('is pending until every signal is applied or dismissed', () => {
    const knowledge = createKnowledge()
    knowledge.suspect('s1', suspicion(1), undefined)
    knowledge.suspect('s2', suspicion(2), undefined)
    expect(knowledge.pending).toEqual(suspicion(2))
    knowledge.apply('s2', 'agent', suspicion(2))
    expect(knowledge.pending).toEqual(suspicion(2))
    knowledge.dismiss('s1')
    expect(knowledge.pending).toBeUndefined()
    expect(knowledge.mark('agent')).toEqual(suspicion(2))
  })

  it('suspects everybody, for good, by signals past those that may be pending', () => {
    const knowledge = createKnowledge({ maxPending: 2 })
    const kept = [1, 2, 3, 4].map((at) => knowledge.suspect(`s${at}`, suspicion(at), undefined))
    expect(kept).toEqual([true, true, false, false])
    expect(knowledge.pendingCount()).toBe(2)
    knowledge.dismiss('s1')
    knowledge.dismiss('s2')
    expect(knowledge.pendingCount()).toBe(0)
    expect(knowledge.pending).toEqual(suspicion(4))
  })

  it('remembers the newest revoking signal whatever becomes of it', () => {
    const knowledge = createKnowledge()
    knowledge.suspect('s1', suspicion(7), undefined)
    knowledge.dismiss('s1')
    knowledge.suspect('s2', suspicion(3), undefined)
    expect(knowledge.lastRevoking).toEqual(suspicion(7))
  })

  it('keeps a mission under suspicion though the signal was dismissed', () => {
    const knowledge = createKnowledge()
    knowledge.suspect('s1', suspicion(7), 'm')
    knowledge.dismiss('s1')
    expect(knowledge.mission('m')).toEqual(suspicion(7))
  })

  it('forgets by pruning only what it then suspects everybody of', () => {
    const knowledge = createKnowledge()
    for (const at of [1, 2]) {
      knowledge.suspect(`s${at}`, suspicion(at), `m${at}`)
      knowledge.apply(`s${at}`, `agent-${at}`, suspicion(at))
    }
    knowledge.prune(2)
    expect([knowledge.mark('agent-1'), knowledge.mission('m1')]).toEqual([undefined, undefined])
    expect([knowledge.mark('agent-2'), knowledge.mission('m2')]).toEqual([
      suspicion(2),
      suspicion(2),
    ])
    expect(knowledge.pending).toEqual(suspicion(1))
  })

  it('is never proved earlier than it was', () => {
    const knowledge = createKnowledge()
    expect(knowledge.provedAt).toBe(Number.NEGATIVE_INFINITY)
    knowledge.proved(5)
    knowledge.proved(3)
    expect(knowledge.provedAt).toBe(5)
  })

  it('suspects everybody up to where what is known begins anew', () => {
    const knowledge = createKnowledge()
    knowledge.covered(0, 1)
    expect(knowledge.pending).toBeUndefined()
    knowledge.covered(700, 9)
    expect(knowledge.pending).toEqual({ at: 700, since: 9, settledAt: 2_009 })
  })

  it('tells at once what may change a verdict: a signal, what it means, a gap', () => {
    const knowledge = createKnowledge({ maxPending: 1 })
    let told = 0
    knowledge.listeners.add(() => void told++)
    const steps = [
      () => knowledge.suspect('s1', suspicion(1), undefined),
      () => knowledge.suspect('s2', suspicion(2), undefined),
      () => knowledge.apply('s1', 'agent', suspicion(1)),
      () => knowledge.suspectEverybody(suspicion(3)),
      () => knowledge.covered(700, 9),
    ]
    for (const [index, step] of steps.entries()) {
      step()
      expect(told).toBe(index + 1)
    }
  })

  it('closed lets nothing be allowed by it, and holds nothing', () => {
    const knowledge = createKnowledge()
    knowledge.covered(0, 1)
    knowledge.setState('live')
    knowledge.apply('s1', 'agent', suspicion(1))
    knowledge.suspect('s2', suspicion(2), 'm')
    knowledge.close()
    expect([knowledge.markCount(), knowledge.pendingCount()]).toEqual([0, 0])
    expect(knowledge).toMatchObject({
      state: 'lost',
      knownSince: Number.POSITIVE_INFINITY,
      knownFrom: Number.POSITIVE_INFINITY,
    })
  })

  it('knows nothing before the first list', () => {
    const knowledge = createKnowledge()
    expect(knowledge.state).toBe('connecting')
    expect(knowledge.knownSince).toBe(Number.POSITIVE_INFINITY)
    knowledge.covered(0, 9)
    expect([knowledge.knownSince, knowledge.knownFrom]).toEqual([0, 9])
  })
})
