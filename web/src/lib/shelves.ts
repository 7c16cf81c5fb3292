/** Where drafts of access data come from and go to. */

import { accessApi, KEYS, type Kind, type Kinds } from './accessapi'
import type { Holder, Rule } from './accesscontract'
import { access } from './access.svelte'
import type { Shelf } from './draft.svelte'

const WORDS: Record<Kind, string> = {
  holders: 'holder', cards: 'card', groups: 'group', zones: 'zone', passages: 'passage at', calendars: 'calendar', schedules: 'schedule',
}

function keyOf<K extends Kind>(kind: K, value: Kinds[K]): string {
  return (value as unknown as Record<string, string>)[KEYS[kind]] ?? ''
}

/** The shelf of one kind; `plain` leaves out what a row tells beyond the item itself. */
export function shelf<K extends Kind>(kind: K, plain: (item: Kinds[K]) => Kinds[K] = (item) => item): Shelf<Kinds[K]> {
  return {
    async look(value) {
      const { item, revision } = await accessApi.one(kind, keyOf(kind, value))
      return { item: item === null ? null : plain(item), revision }
    },
    put: (value, revision) => accessApi.put(kind, keyOf(kind, value), value, revision),
    title: (value) => `the ${WORDS[kind]} ${keyOf(kind, value)}`,
  }
}

export function plainHolder(row: Holder): Holder {
  const { id, name, groups, enabled, valid_from, valid_until, note } = row
  return { id, name, groups, enabled, valid_from, valid_until, note }
}

/** All rules are one thing: their order is what decides. */
export const rulesShelf: Shelf<{ items: Rule[] }> = {
  async look() {
    const { items, revision } = await accessApi.all<Rule>('rules')
    return { item: { items }, revision }
  },
  async put(value, revision) {
    await accessApi.putRules(value.items, revision)
    await access.rules.load()
  },
  title: () => 'the rules',
}
