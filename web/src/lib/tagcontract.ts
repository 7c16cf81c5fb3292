/** The part of the contract that is about how tags are configured: /api/v1/tags/… and /api/v1/tag-groups. */

import type { TagRecord } from './contract'

/** What a file says of a tag: the keys of [[tag]], without defaults. */
export type Entry = Record<string, unknown> & { path: string }

export interface BrowseRow {
  name: string
  path: string
  kind: 'folder' | 'tag' | 'udt_instance'
  /** beneath it, and how many of them are not good */
  tags: number
  bad: number
  tag: TagRecord | null
}

export interface Configured {
  path: string
  entry: Entry
  origin: 'tag' | 'instance' | 'system'
  udt: string
  instance: string
  file: string
  line: number | null
  editable: boolean
  why_not: string
  revision: number
}

/** What is wrong with one key of one entry. */
export interface EntryError {
  path: string
  key: string
  message: string
  hint: string
  code: string
}

/** What was done, or of a dry run what would be; paths are full. */
export interface Edited {
  revision: number
  added: string[]
  changed: string[]
  unchanged: string[]
  removed: string[]
  renamed: [from: string, to: string][]
  ignored: string[]
  /** types that came with a file */
  types: string[]
  /** the files that are written */
  files: string[]
  /** of an import, what could not be taken over, and why */
  unmapped: [path: string, reason: string][]
  /** of a dry run: tags before and after */
  differences: { path: string; before: Entry | null; after: Entry | null }[]
}

export type FileFormat = 'toml' | 'json' | 'csv' | 'ignition'
export type OnConflict = 'abort' | 'overwrite' | 'ignore' | 'rename' | 'merge'

export type GroupMode = 'direct' | 'driven' | 'leased'

/** Rates and times as they are written: "500ms". */
export interface TagGroup {
  name: string
  rate: string | number
  mode: GroupMode
  driving_tag: string
  condition: string
  driven_rate: string | number | null
  one_shot: boolean
  leased_rate: string | number | null
  read_after_write: boolean
  optimistic_writes: boolean
  optimistic_write_timeout: string | number
}

export interface TagGroupRow extends TagGroup {
  /** how many use it */
  tags: number
  /** the rate in force, and why it is that one */
  now: { rate: string | number; why: string }
}
