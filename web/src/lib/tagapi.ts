/** The REST calls of tag configuration. Everything is applied whole or not at all; a dry run only tells what would be. */

import { ask, filled } from './api'
import type { Listing } from './contract'
import type { BrowseRow, Configured, Edited, Entry, FileFormat, OnConflict, TagGroup, TagGroupRow } from './tagcontract'

const BASE = '/api/v1/tags'
const GROUPS = '/api/v1/tag-groups'
const IMPORT_MS = 180_000

export const tagApi = {
  browse: (path: string, offset: number, limit: number, signal?: AbortSignal) =>
    ask<Listing<BrowseRow>>('GET', `${BASE}/browse?${filled({ path, offset, limit })}`, undefined, { signal }),
  configuration: (path: string, signal?: AbortSignal) => ask<Configured>('GET', `${BASE}/configuration?${filled({ path })}`, undefined, { signal }),
  put: (items: Entry[], dryRun: boolean, revision?: number) => ask<Edited>('PUT', `${BASE}/configuration`, { items, dry_run: dryRun }, { revision }),
  remove: (paths: string[], dryRun: boolean, revision?: number) => ask<Edited>('POST', `${BASE}/remove`, { paths, dry_run: dryRun }, { revision }),
  rename: (path: string, to: string, dryRun: boolean, revision?: number) => ask<Edited>('POST', `${BASE}/rename`, { path, to, dry_run: dryRun }, { revision }),

  exportUrl: (format: FileFormat, path: string) => `${BASE}/export?${filled({ format, path })}`,
  importFile: (file: Blob, format: FileFormat, onConflict: OnConflict, into: string, dryRun: boolean, revision?: number) =>
    ask<Edited>('POST', `${BASE}/import?${filled({ format, on_conflict: onConflict, into, dry_run: String(dryRun) })}`, file, { revision, deadlineMs: IMPORT_MS }),

  groups: () => ask<{ items: TagGroupRow[] }>('GET', GROUPS),
  putGroup: (group: TagGroup) => ask<unknown>('PUT', `${GROUPS}/${encodeURIComponent(group.name)}`, group),
  removeGroup: (name: string) => ask<unknown>('DELETE', `${GROUPS}/${encodeURIComponent(name)}`),
}
