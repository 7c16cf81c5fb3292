import { describe, expect, it } from 'vitest'
import type { Change, Rule } from '../src/lib/accesscontract'
import { changeFields, changeTitle, differences, freeName, initials, moved, ruleGap, validity, whereWords, whoWords } from '../src/lib/accesswords'

const rule = (part: Partial<Rule> = {}): Rule => ({
  name: 'staff', effect: 'allow', groups: ['staff'], holders: [], readers: ['entrance'], zones: [], schedule: '', enabled: true, note: '', ...part,
})
const change = (part: Partial<Change>): Change => ({ id: 1, revision: 1, at: 0, who: 'ada', kind: 'holders', key: '17', what: 'changed', before: null, after: null, ...part })

describe('access in words', () => {
  it('makes initials of any name', () => {
    expect(['Ada Lovelace', 'ada', 'Grace Brewster Hopper', '  ', 'Édith Piaf', '𝒜da', 'fork_lift 3'].map(initials)).toEqual(['AL', 'A', 'GH', '?', 'ÉP', '𝒜', 'F3'])
  })

  it('says whether something counts', () => {
    const item = { enabled: true, valid_from: 1_000, valid_until: 2_000 }
    expect([500, 1_000, 1_999, 2_000].map((now) => validity(item, now).state)).toEqual(['early', 'valid', 'valid', 'ended'])
    expect(validity({ ...item, enabled: false }, 1_500)).toEqual({ state: 'blocked', text: 'Blocked' })
    expect(validity({ enabled: true, valid_from: null, valid_until: null }, 0).text).toBe('')
  })

  it('says who and where a rule is for', () => {
    expect(whoWords(rule({ holders: ['17'] }), () => 'Ada')).toBe('staff, Ada')
    expect(whoWords(rule({ groups: ['*', 'staff'] }))).toBe('everybody who is known')
    expect(whoWords(rule({ groups: ['a', 'b', 'c', 'd', 'e'] }))).toBe('a, b, c and 2 more')
    expect(whereWords(rule({ zones: ['Hall', ''] }))).toBe('at entrance, into Hall, on the way out')
    expect(whereWords(rule({ readers: [], zones: ['*'] }))).toBe('into every zone')
  })

  it('finds what keeps a rule from matching', () => {
    expect(ruleGap(rule())).toBe('')
    expect(ruleGap(rule({ name: ' ' }))).toContain('name')
    expect(ruleGap(rule({ groups: [] }))).toContain('nobody')
    expect(ruleGap(rule({ readers: [] }))).toContain('nowhere')
  })

  it('moves rows and names new ones', () => {
    expect(moved(['a', 'b', 'c'], 2, 0)).toEqual(['c', 'a', 'b'])
    expect(moved(['a', 'b', 'c'], 0, 1)).toEqual(['b', 'a', 'c'])
    expect(moved(['a', 'b'], 7, 0)).toEqual(['a', 'b'])
    expect(freeName('New rule', ['New rule', 'New rule 2'])).toBe('New rule 3')
  })

  it('tells what differs, field by field', () => {
    expect(differences({ name: 'Ada', groups: ['a'], limit: null }, { name: 'Ada', groups: ['a', 'b'], limit: 5 })).toEqual([
      { field: 'Groups', before: 'a', after: 'a, b' },
      { field: 'Limit', before: '–', after: '5' },
    ])
    expect(differences({ week: [{ days: [0], start: '06:00', end: '14:00' }] }, null)).toEqual([{ field: 'Week', before: '0 06:00 14:00', after: '–' }])
  })

  it('never shows the hash of a card', () => {
    const card = change({ kind: 'cards', key: 'a'.repeat(32), what: 'added', after: { id: 'a'.repeat(32), last4: '4080', holder: '17' } })
    expect(changeTitle(card)).toBe('card …4080 of 17')
    expect(JSON.stringify(changeFields(card))).not.toContain('aaaa')
  })

  it('tells of a new order of rules', () => {
    const order = change({ kind: 'rules', key: '', before: ['a', 'b'], after: ['b', 'a'] })
    expect(changeTitle(order)).toBe('order of the rules')
    expect(changeFields(order)).toEqual([{ field: 'Order', before: 'a, b', after: 'b, a' }])
  })
})
