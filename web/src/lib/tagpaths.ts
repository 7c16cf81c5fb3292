/** Paths of tags: `[provider]Folder/Tag`. Pure. */

export const DEFAULT_PROVIDER = '[default]'

/** "Line 1/Speed" -> "[default]Line 1/Speed" */
export const full = (path: string): string => (path.startsWith('[') ? path : `${DEFAULT_PROVIDER}${path}`)

/** "[default]Line 1/Speed" -> "[default]Line 1"; of what stands at the top its provider, of a provider nothing. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  if (slash >= 0) return path.slice(0, slash)
  const end = path.indexOf(']') + 1
  return end > 0 && end < path.length ? path.slice(0, end) : ''
}

/** "[default]Line 1/Speed" -> "Speed", "[default]" -> "default" */
export function nameOf(path: string): string {
  const rest = path.slice(path.lastIndexOf('/') + 1)
  const provider = /^\[([^\]]*)\](.*)$/.exec(rest)
  return provider ? provider[2] || provider[1] || '' : rest
}

export const joined = (folder: string, name: string): string => (folder === '' || folder.endsWith(']') ? `${folder || DEFAULT_PROVIDER}${name}` : `${folder}/${name}`)

/** The folder and all above it, from the provider on. */
export function chainOf(folder: string): string[] {
  const chain: string[] = []
  for (let at = folder; at !== ''; at = parentOf(at)) chain.unshift(at)
  return chain
}

/** Does `path` lie at `folder` or below it? A provider is a folder, too. */
export function isBelow(path: string, folder: string): boolean {
  return folder === '' || path === folder || path.startsWith(folder.endsWith(']') ? folder : `${folder}/`)
}
