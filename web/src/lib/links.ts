/** The addresses of rows, in one place. */

export const links = {
  tag: (path: string) => `/tags?${new URLSearchParams({ tag: path })}`,
  trend: (paths: string[]) => `/trends?${new URLSearchParams(paths.map((path) => ['tag', path]))}`,
  reader: (name: string) => `/badges?${new URLSearchParams({ reader: name })}`,
  badge: (id: number) => `/badges?event=${id}`,
  holder: (id: string) => `/badges/people?${new URLSearchParams({ holder: id })}`,
  /** nothing for a part that has no page of its own */
  part(kind: string, name: string): string | undefined {
    if (kind === 'device' || kind === 'reader') return `/devices?${new URLSearchParams({ name })}`
    return kind === 'listener' ? links.port(name) : undefined
  },
  port: (name: string): string => `/ports?${new URLSearchParams({ name })}`,
}
