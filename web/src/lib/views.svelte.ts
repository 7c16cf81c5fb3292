/**
 * The pages, each loaded when it is first wanted: the first one is there sooner. The others follow while nothing else is
 * to be done, so that they are at hand when the gateway can't be reached.
 */

import type { Component } from 'svelte'
import { Problem } from './api'
import { deviceOf } from './links'
import { sectionOf, TABS } from './pages'

const LOADERS: Record<string, () => Promise<{ default: Component }>> = {
  '/': () => import('../pages/Overview.svelte'),
  '/tags': () => import('../pages/Tags.svelte'),
  '/trends': () => import('../pages/Trends.svelte'),
  '/alarms': () => import('../pages/Alarms.svelte'),
  '/badges': () => import('../pages/Badges.svelte'),
  '/devices': () => import('../pages/Devices.svelte'),
  '/devices/': () => import('../pages/Device.svelte'),
  '/ports': () => import('../pages/Ports.svelte'),
  '': () => import('../pages/NotFound.svelte'),
}
const LATER_MS = 2_000

/** Which page shows an address; '' is that there is none. */
export function viewOf(path: string): string {
  if (deviceOf(path)) return '/devices/'
  const section = sectionOf(path)
  return section && (section.path === path || TABS.some((tab) => tab.path === path)) ? section.path : ''
}

class Views {
  #loaded = $state.raw<Record<string, Component>>({})
  problem = $state.raw<Problem | null>(null)

  start(): void {
    window.setTimeout(() => {
      for (const view of Object.keys(LOADERS)) void this.load(view)
    }, LATER_MS)
  }

  /** The page, undefined while it is loaded. */
  get(view: string): Component | undefined {
    return this.#loaded[view]
  }

  async load(view: string): Promise<void> {
    if (view in this.#loaded) return
    try {
      const found = await LOADERS[view]?.()
      if (found) this.#loaded = { ...this.#loaded, [view]: found.default }
      this.problem = null
    } catch {
      this.problem = new Problem(0, 'This page could not be loaded', 'The gateway can’t be reached, or it was updated since this page was opened.', 'PAGE-PARTS', 'Reload the page.')
    }
  }
}

export const views = new Views()
