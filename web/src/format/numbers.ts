// Counts, shares and coordinates as text. English grouping on purpose: the interface is English.
const formats = new Map<number, Intl.NumberFormat>()

export function formatNumber(value: number, digits = 0): string {
  let format = formats.get(digits)
  if (!format) {
    format = new Intl.NumberFormat('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
    formats.set(digits, format)
  }
  // A rounded -0 would print as "-0"; a true minus sign is as wide as a digit.
  return format.format(Math.abs(value) < 0.5 * 10 ** -digits ? 0 : value).replace('-', '−')
}

export const formatCount = (value: number | null | undefined) =>
  value === null || value === undefined ? '–' : formatNumber(value)

/** 1,234 → "1.2k", 4,500,000 → "4.5M": for axes, where room is short. */
export function formatShort(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e6) return `${trim(value / 1e6)}M`
  if (size >= 1e3) return `${trim(value / 1e3)}k`
  return formatNumber(value)
}

const trim = (value: number) => formatNumber(value, Math.abs(value) < 10 ? 1 : 0).replace(/\.0$/, '')

export const formatPercent = (share: number, digits = 1) => `${formatNumber(share * 100, digits)} %`

export function formatBytes(bytes: number): string {
  for (const [unit, size] of [
    ['GB', 1e9],
    ['MB', 1e6],
    ['kB', 1e3],
  ] as const) {
    if (bytes >= size) return `${formatNumber(bytes / size, bytes / size < 10 ? 1 : 0)} ${unit}`
  }
  return `${formatNumber(bytes)} B`
}

export const formatLatitude = (degrees: number) => `${Math.abs(degrees).toFixed(3)}° ${degrees < 0 ? 'S' : 'N'}`
export const formatLongitude = (degrees: number) => `${Math.abs(degrees).toFixed(3)}° ${degrees < 0 ? 'W' : 'E'}`

export const plural = (count: number, one: string, many = `${one}s`) =>
  `${formatNumber(count)} ${count === 1 ? one : many}`
