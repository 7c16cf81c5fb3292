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
  { path: '/alarms', title: 'Alarms', icon: 'alarms' },
  { path: '/badges', title: 'Badges', icon: 'badges' },
  { path: '/devices', title: 'Devices', icon: 'devices' },
  { path: '/ports', title: 'Ports', icon: 'ports' },
]

export interface TabEntry {
  path: string
  title: string
  /** shown only to somebody who is signed in */
  closed: boolean
}

/** The parts of the section Badges: each has an address. */
export const BADGE_TABS: TabEntry[] = [
  { path: '/badges', title: 'Feed', closed: false },
  { path: '/badges/readers', title: 'Readers', closed: false },
  { path: '/badges/inside', title: 'Inside', closed: true },
  { path: '/badges/people', title: 'People & cards', closed: true },
  { path: '/badges/rules', title: 'Rules', closed: true },
  { path: '/badges/schedules', title: 'Schedules', closed: true },
  { path: '/badges/places', title: 'Places & groups', closed: true },
  { path: '/badges/explain', title: 'Explain', closed: true },
  { path: '/badges/changes', title: 'Changes', closed: true },
]

/** The parts of the section Alarms. */
export const ALARM_TABS: TabEntry[] = [
  { path: '/alarms', title: 'Live', closed: false },
  { path: '/alarms/shelved', title: 'Shelved', closed: false },
  { path: '/alarms/journal', title: 'Journal', closed: false },
  { path: '/alarms/all', title: 'All configured', closed: false },
]

export const TABS: TabEntry[] = [...BADGE_TABS, ...ALARM_TABS]

/** The section that an address belongs to: `/badges/people` is in Badges. */
export function sectionOf(path: string): PageEntry | undefined {
  return PAGES.find((page) => path === page.path || (page.path !== '/' && path.startsWith(`${page.path}/`)))
}
