// Periods of time: presets that end with the last hour of the lake, custom ones in whole hours, and what they are called.
import { formatDayTime, formatHourMinute, zoneName } from '../format/time'
import type { Zone } from '../prefs/preferences'
import type { RangeAnswer } from './answers'
import { PRESETS, type ExploreSearch, type Preset } from './search'

export const HOUR = 3_600_000

/** Milliseconds since the epoch, the end excluded. */
export interface Period {
  from: number
  to: number
}

export const PRESET_HOURS: Record<Preset, number> = { '1h': 1, '6h': 6, '24h': 24, '7d': 168, '30d': 720 }
export const PRESET_NAMES: Record<Preset, string> = {
  '1h': 'Last hour',
  '6h': 'Last 6 hours',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
}
export const DEFAULT_PRESET: Preset = '24h'

/** What the lake holds, from its first hour to the end of its last. */
export function coveredPeriod(range: RangeAnswer): Period | null {
  if (!range.first || !range.last) return null
  const [from, last] = [Date.parse(range.first), Date.parse(range.last)]
  return Number.isFinite(from) && Number.isFinite(last) ? { from, to: last + HOUR } : null
}

export const chosenPreset = (search: ExploreSearch): Preset | null =>
  search.from && search.to ? null : (search.range ?? DEFAULT_PRESET)

/** A preset is that many full hours and the one that is running; a custom period is taken to whole hours. */
export function resolvePeriod(search: ExploreSearch, covered: Period): Period {
  const preset = chosenPreset(search)
  if (preset) return { from: Math.max(covered.from, covered.to - (PRESET_HOURS[preset] + 1) * HOUR), to: covered.to }
  return wholeHours({ from: Date.parse(search.from ?? ''), to: Date.parse(search.to ?? '') })
}

export const wholeHours = ({ from, to }: Period): Period => ({
  from: Math.floor(from / HOUR) * HOUR,
  to: Math.max(Math.ceil(to / HOUR) * HOUR, Math.floor(from / HOUR) * HOUR + HOUR),
})

/** Presets up to the first that shows all there is: a longer one would show nothing more. */
export function offeredPresets(covered: Period, chosen: Preset | null): Preset[] {
  const hours = (covered.to - covered.from) / HOUR
  const enough = PRESETS.findIndex(preset => PRESET_HOURS[preset] + 1 >= hours)
  return PRESETS.filter((preset, i) => enough < 0 || i <= enough || preset === chosen)
}

/** What was typed as a period in whole hours that the lake covers, or why that cannot be. */
export function customPeriod(from: number, to: number, covered: Period): Period | string {
  if (!Number.isFinite(from) || !Number.isFinite(to)) return 'Both times are needed.'
  if (from >= to) return 'The period must begin before it ends.'
  if (to <= covered.from || from >= covered.to) return 'The lake has nothing of this period.'
  return wholeHours({ from: Math.max(from, covered.from), to: Math.min(to, covered.to) })
}

export const periodHours = ({ from, to }: Period) => Math.round((to - from) / HOUR)

/** "25 hours", "7 days" */
export function lengthText(period: Period): string {
  const hours = periodHours(period)
  if (hours < 72) return hours === 1 ? '1 hour' : `${hours} hours`
  return `${Math.round(hours / 24)} days`
}

/** "13 Mar 14:00 – 14 Mar 15:00 UTC"; a period that reaches into the running hour: "13 Mar 14:00 UTC – now". */
export function periodText({ from, to }: Period, zone: Zone, nowMs: number): string {
  const start = formatDayTime(from / 1000, zone)
  const name = zoneName(zone, from / 1000)
  if (to > nowMs) return `${start} ${name} – now`
  const end = formatDayTime(to / 1000, zone)
  const sameDay = start.slice(0, -6) === end.slice(0, -6)
  return `${start} – ${sameDay ? formatHourMinute(to / 1000, zone) : end} ${name}`
}

/** Value of a datetime-local input, in the zone of the page's clocks. */
export function toInput(ms: number, zone: Zone): string {
  const shift = zone === 'utc' ? 0 : new Date(ms).getTimezoneOffset() * 60_000
  return new Date(ms - shift).toISOString().slice(0, 16)
}

export const fromInput = (text: string, zone: Zone): number => Date.parse(zone === 'utc' ? `${text}Z` : text)
