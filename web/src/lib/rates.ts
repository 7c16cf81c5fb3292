/** Rates and times as the configuration writes them. Pure. */

/** "500ms", 0.5 (seconds) -> "500 ms"; "0s" is never. */
export function rateWords(rate: string | number | null): string {
  if (rate === null || rate === '') return 'never'
  if (typeof rate === 'number') return rate === 0 ? 'never' : rate < 1 ? `${Math.round(rate * 1000)} ms` : `${rate} s`
  const match = /^([\d.]+)\s*([a-zµ]+)$/i.exec(rate)
  return match ? (Number(match[1]) === 0 ? 'never' : `${match[1]} ${match[2]}`) : rate
}

/** For a field: what is written, or what would be. */
export function rateText(rate: string | number | null): string {
  if (rate === null) return ''
  return typeof rate === 'string' ? rate : rate < 1 && rate > 0 ? `${Math.round(rate * 1000)}ms` : `${rate}s`
}
