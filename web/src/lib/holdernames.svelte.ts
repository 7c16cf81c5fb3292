/** The names of holders that something refers to by id: asked for once each, a few at a time. */

import { SvelteMap } from 'svelte/reactivity'
import { accessApi } from './accessapi'

const AT_ONCE = 4

class HolderNames {
  #names = new SvelteMap<string, string>()
  #waiting: string[] = []
  #asked = new Set<string>()
  #running = 0

  /** The name if it is known yet, else the id; it is asked for. */
  of(id: string): string {
    const known = this.#names.get(id)
    if (known === undefined && !this.#asked.has(id)) {
      this.#asked.add(id)
      this.#waiting.push(id)
      queueMicrotask(() => this.#work())
    }
    return known || id
  }

  note(id: string, name: string): void {
    this.#asked.add(id)
    if (this.#names.get(id) !== name) this.#names.set(id, name)
  }

  #work(): void {
    while (this.#running < AT_ONCE && this.#waiting.length > 0) {
      const id = this.#waiting.shift() as string
      this.#running += 1
      accessApi
        .holder(id)
        .then(({ item }) => this.note(id, item?.name ?? ''))
        .catch(() => this.#asked.delete(id))
        .finally(() => {
          this.#running -= 1
          this.#work()
        })
    }
  }
}

export const holderNames = new HolderNames()
