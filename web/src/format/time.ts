// Clocks and ages. Instants are Unix seconds or RFC 3339; the zone (UTC or local) is the reader's choice.
import type { Zone } from '../prefs/preferences'

type Instant = number | string | Date

export const toDate = (at: Instant) => (at instanceof Date ? at : new Date(typeof at === 'number' ? at * 1000 : at))
export const toSeconds = (at: Instant) => toDate(at).getTime() / 1000

const cache = new Map<string, Intl.DateTimeFormat>()

function format(zone: Zone, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options)
  let found = cache.get(key)
  if (!found) {
    const timeZone = zone === 'utc' ? 'UTC' : undefined
    found = new Intl.DateTimeFormat('en-GB', { ...options, ...(timeZone ? { timeZone } : {}), hourCycle: 'h23' })
    cache.set(key, found)
  }
  return found
}

export const formatClock = (at: Instant, zone: Zone) =>
  format(zone, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(toDate(at))
export const formatHourMinute = (at: Instant, zone: Zone) =>
  format(zone, { hour: '2-digit', minute: '2-digit' }).format(toDate(at))
/** Day and month; English has four letters for September alone. */
const dayText = (at: Instant, zone: Zone, weekday?: 'short') =>
  format(zone, { weekday, day: 'numeric', month: 'short' }).format(toDate(at)).replace(',', '').replace('Sept', 'Sep')
/** "Sat 14 Mar" */
export const formatDay = (at: Instant, zone: Zone) => dayText(at, zone, 'short')
/** "14 Mar 14:30" */
export const formatDayTime = (at: Instant, zone: Zone) => `${dayText(at, zone)} ${formatHourMinute(at, zone)}`

/** Name of the zone on clocks: "UTC", or the local short name such as "CET". */
export function zoneName(zone: Zone, at: Instant = new Date()): string {
  if (zone === 'utc') return 'UTC'
  const parts = format('local', { timeZoneName: 'short' }).formatToParts(toDate(at))
  return parts.find(part => part.type === 'timeZoneName')?.value ?? 'local'
}

/** "4.8 s", "38 s", "3 min", "2 h 05 min", "3 d 4 h". Below ten seconds the tenth is shown. */
export function formatAge(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–'
  const s = Math.max(0, seconds)
  if (s < 9.95) return `${s.toFixed(1)} s`
  if (s < 99.5) return `${Math.round(s)} s`
  const minutes = Math.round(s / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** Whole seconds until something happens, for countdowns: "5 s", "2 min 05 s", "1 h 12 min". */
export function formatCountdown(seconds: number): string {
  const s = Math.max(0, Math.ceil(seconds))
  if (s < 100) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, '0')} s`
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, '0')} min`
}
