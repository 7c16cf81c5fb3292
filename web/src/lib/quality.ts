/** Quality codes (Ignition's): good below 256, uncertain below 512, bad below 768, error above. */

export type QualityLevel = 'good' | 'uncertain' | 'bad' | 'error'

export function qualityLevel(code: number): QualityLevel {
  if (code < 256) return 'good'
  if (code < 512) return 'uncertain'
  return code < 768 ? 'bad' : 'error'
}

export function isGood(code: number): boolean {
  return code < 256
}

/** What was written is shown before the device has confirmed it. */
export const WRITE_PENDING = 2

/** Short words for people. A code that is missing here is shown by its level and number. */
const WORDS: Record<number, string> = {
  0: 'Good', 2: 'Write pending', 192: 'Good', 200: 'Provisional', 201: 'Initial', 202: 'Overload', 203: 'Backfill',
  256: 'Uncertain', 257: 'Last known', 258: 'Initial', 259: 'Subnormal', 260: 'Out of units', 261: 'Incomplete',
  512: 'Bad', 513: 'Unauthorized', 514: 'Access denied', 515: 'Disabled', 516: 'Stale', 519: 'Not found',
  520: 'No reference', 522: 'Not connected', 523: 'Comm. off', 524: 'Out of range', 525: 'No database',
  526: 'Read only', 527: 'Failure', 528: 'Unsupported',
  768: 'Error', 769: 'Configuration', 770: 'Expression', 773: 'Query error', 774: 'I/O error', 775: 'Timeout',
  776: 'Exception', 780: 'Cycle',
}

const LEVEL_WORDS: Record<QualityLevel, string> = { good: 'Good', uncertain: 'Uncertain', bad: 'Bad', error: 'Error' }

export function qualityWord(code: number): string {
  return WORDS[code] ?? `${LEVEL_WORDS[qualityLevel(code)]} ${code}`
}
