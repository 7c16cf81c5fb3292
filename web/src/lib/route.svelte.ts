/** Where we are: paths of the History API, so that every page and every row has an address. */

interface Saved {
  scroll?: number
}

class Route {
  path = $state(location.pathname)
  query = $state.raw(new URLSearchParams(location.search))

  #scroller: HTMLElement | null = null

  /** `scroller` is the element that scrolls; its position is kept for each place in the history. */
  start(scroller: HTMLElement): void {
    this.#scroller = scroller
    window.addEventListener('popstate', (event) => {
      this.#read()
      const scroll = (event.state as Saved | null)?.scroll ?? 0
      requestAnimationFrame(() => scroller.scrollTo({ top: scroll }))
    })
    document.addEventListener('click', (event) => this.#follow(event))
  }

  go(href: string): void {
    const before = this.path
    this.#remember()
    history.pushState({}, '', href)
    this.#read()
    if (this.path !== before) this.#scroller?.scrollTo({ top: 0 })
  }

  /** The same place said otherwise (a filter was typed): no new entry in the history. */
  replace(href: string): void {
    history.replaceState(history.state, '', href)
    this.#read()
  }

  /** This page with some parameters changed; an empty one is left out. */
  here(changes: Record<string, string | string[]>): string {
    const query = new URLSearchParams(this.query)
    for (const [name, value] of Object.entries(changes)) {
      query.delete(name)
      for (const one of [value].flat()) if (one !== '') query.append(name, one)
    }
    const text = query.toString()
    return text ? `${this.path}?${text}` : this.path
  }

  #read(): void {
    this.path = location.pathname
    this.query = new URLSearchParams(location.search)
  }

  #remember(): void {
    history.replaceState({ scroll: this.#scroller?.scrollTop ?? 0 } satisfies Saved, '')
  }

  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    const anchor = (event.target as Element).closest('a')
    if (!anchor || anchor.target || anchor.hasAttribute('download') || anchor.origin !== location.origin) return
    if (anchor.pathname.startsWith('/api/') || anchor.getAttribute('href')?.startsWith('#')) return
    event.preventDefault()
    this.go(anchor.pathname + anchor.search)
  }
}

export const route = new Route()
