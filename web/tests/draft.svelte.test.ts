import { flushSync } from 'svelte'
import { describe, expect, it } from 'vitest'
import { Problem } from '../src/lib/api'
import { Draft } from '../src/lib/draft.svelte'

interface Thing {
  name: string
  note: string
}

/** One thing on a gateway whose data others change, too. */
class Gateway {
  item: Thing | null
  revision = 1
  puts: Thing[] = []
  /** done once between the look and the put */
  between: (() => void) | null = null

  constructor(item: Thing | null) {
    this.item = item
  }

  look = async () => ({ item: this.item && { ...this.item }, revision: this.revision })

  put = async (value: Thing, revision: number) => {
    this.between?.()
    this.between = null
    if (revision !== this.revision) throw new Problem(412, 'changed', '', 'ACC-202', '')
    this.item = { ...value }
    this.revision += 1
    this.puts.push({ ...value })
  }

  title = (value: Thing) => `the thing ${value.name}`
}

const HALL = { name: 'Hall', note: '' }
const FRESH = { name: '', note: '' }

describe('draft', () => {
  it('saves what was typed', async () => {
    const gateway = new Gateway({ ...HALL })
    const draft = new Draft<Thing>(gateway, HALL, FRESH)
    expect(draft.changed).toBe(false)
    draft.value.note = 'helmet'
    expect(draft.changed).toBe(true)
    expect(await draft.save()).toBe(true)
    expect(gateway.item).toEqual({ name: 'Hall', note: 'helmet' })
    expect(draft.changed).toBe(false)
  })

  it('tells whoever shows it that nothing is unsaved any more', async () => {
    const draft = new Draft<Thing>(new Gateway({ ...HALL }), HALL, FRESH)
    const shown: boolean[] = []
    const end = $effect.root(() => {
      $effect(() => void shown.push(draft.changed))
    })
    flushSync()
    draft.value.note = 'helmet'
    flushSync()
    await draft.save()
    flushSync()
    end()
    expect(shown).toEqual([false, true, false])
  })

  it('saves again when only other data changed meanwhile', async () => {
    const gateway = new Gateway({ ...HALL })
    const draft = new Draft<Thing>(gateway, HALL, FRESH)
    draft.value.note = 'helmet'
    gateway.between = () => (gateway.revision += 1)
    expect(await draft.save()).toBe(true)
    expect(gateway.puts).toHaveLength(1)
  })

  it('shows what somebody else saved, keeps what was typed, and puts it over theirs when asked again', async () => {
    const gateway = new Gateway({ ...HALL })
    const draft = new Draft<Thing>(gateway, HALL, FRESH)
    draft.value.note = 'helmet'
    gateway.item = { name: 'Hall', note: 'gloves' }
    gateway.revision += 1
    expect(await draft.save()).toBe(false)
    expect(gateway.puts).toEqual([])
    expect(draft.theirs).toEqual({ name: 'Hall', note: 'gloves' })
    expect(draft.value.note).toBe('helmet')
    expect(await draft.save()).toBe(true)
    expect(gateway.item?.note).toBe('helmet')
  })

  it('takes theirs', async () => {
    const gateway = new Gateway({ name: 'Hall', note: 'gloves' })
    const draft = new Draft<Thing>(gateway, HALL, FRESH)
    draft.value.note = 'helmet'
    await draft.save()
    draft.takeTheirs()
    expect(draft.value.note).toBe('gloves')
    expect(draft.changed).toBe(false)
  })

  it('tells that it was removed, and puts it back when asked again', async () => {
    const gateway = new Gateway(null)
    const draft = new Draft<Thing>(gateway, HALL, FRESH)
    draft.value.note = 'helmet'
    expect(await draft.save()).toBe(false)
    expect(draft.theirs).toBeNull()
    expect(await draft.save()).toBe(true)
    expect(gateway.item?.note).toBe('helmet')
  })

  it('puts nothing new over what has the name already', async () => {
    const gateway = new Gateway({ ...HALL })
    const draft = new Draft<Thing>(gateway, null, { ...FRESH, name: 'Hall' })
    expect(await draft.save()).toBe(false)
    expect(draft.problem?.detail).toBe('There is the thing Hall already.')
    expect(gateway.puts).toEqual([])
  })

  it('gives up when every attempt meets a newer version', async () => {
    const gateway = new Gateway({ ...HALL })
    const draft = new Draft<Thing>({ ...gateway, put: () => Promise.reject(new Problem(412, 'changed', '', '', '')) }, HALL, FRESH)
    draft.value.note = 'helmet'
    expect(await draft.save()).toBe(false)
    expect(draft.problem?.status).toBe(412)
    expect(draft.value.note).toBe('helmet')
  })
})
