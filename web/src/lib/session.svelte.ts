/** Who is signed in. A sign-in link carries a token after `#signin=`; it works once. */

import { api, asProblem, type Problem } from './api'
import { link } from './link.svelte'

const MARK = '#signin='

class SessionStore {
  signedIn = $state(false)
  actor = $state('')
  known = $state(false)
  /** why a sign-in link did not work */
  problem = $state.raw<Problem | null>(null)

  start(): void {
    void this.#begin()
    window.addEventListener('hashchange', () => void this.#useLink())
    link.onConnected(() => {
      if (this.known) void this.refresh()
    })
  }

  async refresh(): Promise<void> {
    try {
      const session = await api.session()
      this.signedIn = session.signed_in
      this.actor = session.actor ?? ''
      this.known = true
    } catch {
      // The connection banner says that the gateway can't be reached; the session is asked for again after that.
      this.known = true
    }
  }

  async signOut(): Promise<void> {
    try {
      await api.signOut()
    } finally {
      await this.refresh()
    }
  }

  async #begin(): Promise<void> {
    if (!(await this.#useLink())) await this.refresh()
  }

  async #useLink(): Promise<boolean> {
    if (!location.hash.startsWith(MARK)) return false
    const token = decodeURIComponent(location.hash.slice(MARK.length))
    // Before anything else: the token must not stay in the address bar, the history or a bookmark.
    history.replaceState(history.state, '', location.pathname + location.search)
    try {
      const session = await api.signIn(token)
      this.signedIn = session.signed_in
      this.actor = session.actor ?? ''
      this.known = true
      this.problem = null
      // What was refused a moment ago is open now.
      link.retryNow()
    } catch (error) {
      await this.refresh()
      this.problem = asProblem(error)
    }
    return true
  }
}

export const session = new SessionStore()
