/** Light, dark, contrast: chosen here or by the system, written on the root element, from where the tokens take them. */

export type ThemeChoice = 'auto' | 'light' | 'dark'
export type ContrastChoice = 'auto' | 'normal' | 'more'

const THEME_KEY = 'plantgate.theme'
const CONTRAST_KEY = 'plantgate.contrast'

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

function store(key: string, value: string): void {
  try {
    if (value === 'auto') localStorage.removeItem(key)
    else localStorage.setItem(key, value)
  } catch {
    // A browser that keeps nothing: the choice lasts as long as the page.
  }
}

class Theme {
  choice = $state<ThemeChoice>((stored(THEME_KEY) as ThemeChoice | null) ?? 'auto')
  contrast = $state<ContrastChoice>((stored(CONTRAST_KEY) as ContrastChoice | null) ?? 'auto')
  /** grows when colours change: what is drawn on a canvas must be drawn again */
  version = $state(0)

  #dark = matchMedia('(prefers-color-scheme: dark)')
  #more = matchMedia('(prefers-contrast: more)')

  start(): void {
    this.#dark.addEventListener('change', () => this.#show())
    this.#more.addEventListener('change', () => this.#show())
    this.#show()
  }

  setTheme(choice: ThemeChoice): void {
    this.choice = choice
    store(THEME_KEY, choice)
    this.#show()
  }

  setContrast(choice: ContrastChoice): void {
    this.contrast = choice
    store(CONTRAST_KEY, choice)
    this.#show()
  }

  #show(): void {
    const root = document.documentElement
    root.dataset['theme'] = this.choice === 'auto' ? (this.#dark.matches ? 'dark' : 'light') : this.choice
    root.dataset['contrast'] = this.contrast === 'auto' ? (this.#more.matches ? 'more' : 'normal') : this.contrast
    this.version += 1
  }
}

export const theme = new Theme()
