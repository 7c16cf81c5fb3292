/** The addresses of rows, in one place. */

export const links = {
  tag: (path: string) => `/tags?${new URLSearchParams({ tag: path })}`,
  trend: (paths: string[]) => `/trends?${new URLSearchParams(paths.map((path) => ['tag', path]))}`,
  reader: (name: string) => `/badges?${new URLSearchParams({ reader: name })}`,
  badge: (id: number) => `/badges?event=${id}`,
  /** on the tab of the section that is open, or on the first one */
  alarm: ({ path, name }: { path: string; name: string }): string => {
    const query = new URLSearchParams(location.pathname.startsWith('/alarms') ? location.search : '')
    query.set('alarm', path)
    query.set('name', name)
    return `${location.pathname.startsWith('/alarms') ? location.pathname : '/alarms'}?${query}`
  },
  holder: (id: string) => `/badges/people?${new URLSearchParams({ holder: id })}`,
  /** nothing for a part that has no page of its own */
  part(kind: string, name: string): string | undefined {
    if (kind === 'device') return `/devices/${encodeURIComponent(name)}`
    if (kind === 'reader') return `/devices?${new URLSearchParams({ name })}`
    return kind === 'listener' ? links.port(name) : undefined
  },
  port: (name: string): string => `/ports?${new URLSearchParams({ name })}`,
}

/** The device whose page an address is: "/devices/PLC%201" -> "PLC 1"; empty if it is another page. */
export function deviceOf(path: string): string {
  if (!path.startsWith('/devices/')) return ''
  try {
    return decodeURIComponent(path.slice('/devices/'.length))
  } catch {
    return ''
  }
}
