/** The sections of the application: the rail, the search and the router all read this list. */

import type { IconName } from './components/Icon.svelte'

export interface PageEntry {
  path: string
  title: string
  icon: IconName
}

export const PAGES: PageEntry[] = [
  { path: '/', title: 'Overview', icon: 'overview' },
  { path: '/tags', title: 'Tags', icon: 'tags' },
  { path: '/trends', title: 'Trends', icon: 'trends' },
  { path: '/badges', title: 'Badges', icon: 'badges' },
  { path: '/devices', title: 'Devices', icon: 'devices' },
  { path: '/ports', title: 'Ports', icon: 'ports' },
]
