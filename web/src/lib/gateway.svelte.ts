/** What the gateway says of itself and of its parts. */

import { api, asProblem, type Problem } from './api'
import type { Gateway, GatewayState, Part } from './contract'
import { link } from './link.svelte'
import { sickFirst } from './parts'

/** The stream tells of changes of state; figures (requests per second) are fetched while a page shows them. */
const FIGURES_EVERY_MS = 5_000

class GatewayStore {
  info = $state.raw<Gateway | null>(null)
  state = $state<GatewayState | ''>('')
  parts = $state.raw<Part[]>([])
  loaded = $state(false)
  problem = $state.raw<Problem | null>(null)

  #condition = $state('')

  start(): void {
    link.on('status', (message) => {
      this.state = message.state
      this.#setParts(message.items)
    })
    link.onConnected(() => void this.load())
    // The stream can't say why it is refused; the REST side can.
    link.onLost(() => void this.load())
    void this.load()
  }

  /** Changes when a part changes its state, not with every figure. */
  get condition(): string {
    return this.#condition
  }

  /** The gateway answers, but wants somebody who is signed in: pages on other machines. */
  get closed(): boolean {
    return this.problem?.status === 403
  }

  async load(): Promise<void> {
    try {
      const info = await api.gateway()
      this.info = info
      this.state = info.state
      this.problem = null
    } catch (error) {
      this.problem = asProblem(error)
    }
    if (this.problem === null) await this.refreshParts()
  }

  async refreshParts(): Promise<void> {
    try {
      this.#setParts((await api.status()).items)
    } catch (error) {
      if (!this.loaded) this.problem = asProblem(error)
    }
  }

  /** Keep figures fresh while a page shows them. The returned function ends it. */
  watchFigures(): () => void {
    const timer = window.setInterval(() => {
      if (!document.hidden && !link.lost) void this.refreshParts()
    }, FIGURES_EVERY_MS)
    return () => window.clearInterval(timer)
  }

  #setParts(parts: Part[]): void {
    this.parts = sickFirst(parts)
    this.#condition = parts.map((part) => `${part.kind} ${part.name} ${part.health} ${part.state}`).join('\n')
    this.loaded = true
  }
}

export const gateway = new GatewayStore()
