// The part of the world that is on the screen, and which aircraft are in it, in which order.
import { ageAt, distance, positionAt } from '../sky/motion'
import { altitudeOf, icaoText, isEmergency, isGround, type Frame } from '../sky/codec'
import { nameOf, type Identities } from '../sky/identity'
import type { Sort } from './search'

export interface View {
  lat: number
  lon: number
  zoom: number
  /** Degrees; `east` may pass 180 so that west < east always holds. */
  west: number
  east: number
  south: number
  north: number
  /** On a globe only what is on this side, within this great-circle distance of the centre in metres. */
  horizon: number | null
}

/** Seen by who has no map. */
export const WHOLE_WORLD: View = {
  lat: 0,
  lon: 0,
  zoom: 0,
  west: -180,
  east: 180,
  south: -90,
  north: 90,
  horizon: null,
}

export function inView(view: View, lat: number, lon: number): boolean {
  if (lat < view.south || lat > view.north) return false
  const width = view.east - view.west
  if (width < 360) {
    const east = (((lon - view.west) % 360) + 360) % 360
    if (east > width) return false
  }
  return view.horizon === null || distance(view.lat, view.lon, lat, lon) <= view.horizon
}

/** Rows that are shown and on the screen. */
export function rowsInView(frame: Frame, shown: Uint8Array, view: View, now: number): number[] {
  const rows: number[] = []
  const at = { lat: 0, lon: 0 }
  for (let row = 0; row < frame.n; row++) {
    if (shown[row] === 0) continue
    positionAt(frame, row, now, at)
    if (inView(view, at.lat, at.lon)) rows.push(row)
  }
  return rows
}

/** Sorted for the list, emergencies first. Sorts by precomputed keys: the comparison runs 150,000 times. */
export function sortRows(
  rows: number[],
  frame: Frame,
  identities: Identities,
  sort: Sort,
  view: View,
  now: number,
): number[] {
  const keys = sort === 'name' ? null : new Float64Array(frame.n)
  const names: string[] = []
  const at = { lat: 0, lon: 0 }
  for (const row of rows) {
    if (keys) keys[row] = numericKey(frame, row, sort, view, now, at)
    else names[row] = nameKey(identities, frame.icao24[row])
  }
  const order = keys
    ? (a: number, b: number) => keys[a] - keys[b] || frame.icao24[a] - frame.icao24[b]
    : (a: number, b: number) => (names[a] < names[b] ? -1 : names[a] > names[b] ? 1 : 0)
  return rows.toSorted((a, b) => Number(isEmergency(frame, b)) - Number(isEmergency(frame, a)) || order(a, b))
}

/** Named aircraft before those that only have an address. */
function nameKey(identities: Identities, icao24: number): string {
  const identity = identities.get(icao24)
  const text = icaoText(icao24)
  return identity?.callsign || identity?.registration ? nameOf(identity, text) : `~${text}`
}

function numericKey(frame: Frame, row: number, sort: Sort, view: View, now: number, at: { lat: number; lon: number }) {
  switch (sort) {
    case 'altitude':
      return isGround(frame, row) ? 1e6 : -(altitudeOf(frame, row) ?? -1e5)
    case 'speed':
      return -frame.speed[row]
    case 'age':
      return -ageAt(frame, row, now)
    default:
      positionAt(frame, row, now, at)
      return distance(view.lat, view.lon, at.lat, at.lon)
  }
}

/**
 * Where most of the sky is: a box around the middle 96 % of the aircraft when that is a region (an own receiver, a
 * box of the feed), null when it is the whole world.
 */
export function region(frame: Frame): { west: number; south: number; east: number; north: number } | null {
  if (frame.n === 0) return null
  const lats = Float64Array.from(frame.lat, value => value * 1e-7).sort()
  const lons = Float64Array.from(frame.lon, value => value * 1e-7).sort()
  const low = Math.floor(frame.n * 0.02)
  const high = Math.ceil(frame.n * 0.98) - 1
  const box = { west: lons[low], east: lons[high], south: lats[low], north: lats[high] }
  return box.east - box.west > 60 || box.north - box.south > 45 ? null : box
}
