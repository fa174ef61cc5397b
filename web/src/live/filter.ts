// Which aircraft are meant: search words, categories, altitude range. Pure; the answer is one byte a row, the same
// bytes that the map's shader reads.
import { isGround, SHAPES, type Frame } from '../sky/codec'
import { ALTITUDE_UNKNOWN } from '../sky/codec'
import type { Identities } from '../sky/identity'
import { icaoText } from '../sky/codec'
import { CATEGORIES, type Category } from './search'

/** Top of the altitude slider; its upper handle at the end means "no limit". */
export const ALTITUDE_TOP = 13_000

export interface Filter {
  query: string
  categories: readonly Category[]
  /** Metres. */
  altitude: readonly [number, number]
}

export const EVERYTHING: Filter = { query: '', categories: CATEGORIES, altitude: [0, ALTITUDE_TOP] }

export const isFiltering = (filter: Filter) =>
  filter.query.trim() !== '' || filter.categories.length < CATEGORIES.length || !allAltitudes(filter)

const allAltitudes = ({ altitude: [low, high] }: Filter) => low <= 0 && high >= ALTITUDE_TOP

const CATEGORY_OF_SHAPE: Record<(typeof SHAPES)[number], Category> = {
  jet: 'airliner',
  heavy: 'airliner',
  light: 'light',
  rotor: 'rotor',
  glider: 'light',
  ground: 'ground',
}

export const categoryOf = (frame: Frame, row: number): Category =>
  isGround(frame, row) ? 'ground' : CATEGORY_OF_SHAPE[SHAPES[(frame.flags[row] >> 1) & 7] ?? 'jet']

/** Height for filter and histogram: on the ground without an altitude counts as 0; unknown is null. */
export function filterAltitude(frame: Frame, row: number): number | null {
  const metres = frame.alt[row]
  if (metres !== ALTITUDE_UNKNOWN) return Math.max(0, metres)
  return isGround(frame, row) ? 0 : null
}

/** 1 for each row that the filter leaves. `ignoring` drops one condition, for the control that sets it. */
export function shownRows(
  frame: Frame,
  identities: Identities,
  filter: Filter,
  ignoring?: 'altitude',
): Uint8Array<ArrayBuffer> {
  const shown = new Uint8Array(frame.n)
  const words = filter.query.toLowerCase().split(/\s+/).filter(Boolean)
  const categories = new Set(filter.categories)
  const everyAltitude = ignoring === 'altitude' || allAltitudes(filter)
  const [low, high] = filter.altitude
  for (let row = 0; row < frame.n; row++) {
    if (!categories.has(categoryOf(frame, row))) continue
    if (!everyAltitude) {
      const metres = filterAltitude(frame, row)
      if (metres === null || metres < low || (metres > high && high < ALTITUDE_TOP)) continue
    }
    if (words.length > 0) {
      const haystack = identities.get(frame.icao24[row])?.haystack ?? icaoText(frame.icao24[row])
      if (!words.every(word => haystack.includes(word))) continue
    }
    shown[row] = 1
  }
  return shown
}

/** Aircraft per altitude bin, of the rows that are shown and in the air. */
export function altitudeHistogram(frame: Frame, shown: Uint8Array, bins: number): number[] {
  const counts = Array<number>(bins).fill(0)
  for (let row = 0; row < frame.n; row++) {
    if (shown[row] === 0 || isGround(frame, row)) continue
    const metres = filterAltitude(frame, row)
    if (metres !== null) counts[Math.min(bins - 1, Math.floor((metres / ALTITUDE_TOP) * bins))] += 1
  }
  return counts
}
