/** What is being done with some alarms: one step where nothing is asked, a dialog where something is. */

import { alarmApi } from './alarmapi'
import type { AlarmRow, Done } from './alarmcontract'
import { canAcknowledge, failures } from './alarmwords'
import { asProblem, Problem } from './api'
import { plural } from './format'

export class AlarmWork {
  /** which dialog is open, and for which alarms */
  asking = $state<'' | 'acknowledge' | 'shelve'>('')
  rows = $state.raw<AlarmRow[]>([])
  busy = $state(false)
  problem = $state.raw<Problem | null>(null)
  /** what was done last, for the status line */
  said = $state('')

  /** `after` is called when something was done, to look at the result. */
  constructor(private readonly after: () => void = () => {}) {}

  /** One that wants no note is acknowledged at once; of several, or for a note, the person is asked. */
  acknowledge(rows: AlarmRow[]): void {
    const open = rows.filter(canAcknowledge)
    if (open.length === 0) return
    this.#take(open)
    if (open.length === 1 && !open[0]?.ack_note_required) void this.sendAcknowledge('')
    else this.asking = 'acknowledge'
  }

  shelve(rows: AlarmRow[]): void {
    const open = rows.filter((row) => row.shelvable)
    if (open.length === 0) return
    this.#take(open)
    this.asking = 'shelve'
  }

  unshelve(rows: AlarmRow[]): void {
    this.#take(rows)
    void this.#run(() => alarmApi.unshelve(rows.map(({ path, name }) => ({ path, name }))), 'unshelved')
  }

  sendAcknowledge(note: string): Promise<void> {
    const events = this.rows.flatMap((row) => (row.id === null ? [] : [row.id]))
    return this.#run(() => alarmApi.acknowledge(events, note), 'acknowledged')
  }

  sendShelve(seconds: number, reason: string): Promise<void> {
    // An alarm can have several events: it is shelved once.
    const keys = new Map(this.rows.map(({ path, name }) => [`${path} ${name}`, { path, name }]))
    return this.#run(() => alarmApi.shelve([...keys.values()], seconds, reason), 'shelved')
  }

  close(): void {
    this.asking = ''
    this.problem = null
  }

  #take(rows: AlarmRow[]): void {
    this.rows = rows
    this.problem = null
    this.said = ''
  }

  async #run(send: () => Promise<Done[]>, word: string): Promise<void> {
    this.busy = true
    this.problem = null
    try {
      const answers = await send()
      const done = answers.filter((answer) => answer.outcome === 'done').length
      const wrong = failures(answers)
      if (done > 0) this.said = `${plural(done, 'alarm')} ${word}.`
      if (wrong) this.problem = new Problem(207, `${plural(answers.length - done, 'alarm')} not ${word}`, wrong, answers.find((answer) => answer.outcome !== 'done')?.code ?? '', '')
      else this.asking = ''
      this.after()
    } catch (error) {
      this.problem = asProblem(error)
    } finally {
      this.busy = false
    }
  }
}
