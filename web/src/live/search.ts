// What of the Live page is in its address: where the map is, what is selected, what is filtered, what is drawn.
import { readFlag, readListOf, readNumber, readPair, readText, type RawSearch } from '../params'

export const CATEGORIES = ['airliner', 'light', 'rotor', 'ground'] as const
export type Category = (typeof CATEGORIES)[number]

export const SORTS = ['near', 'name', 'altitude', 'speed', 'age'] as const
export type Sort = (typeof SORTS)[number]

export const LAYERS = ['trails', 'night', 'airports', 'labels'] as const
export type Layer = (typeof LAYERS)[number]

export interface LiveSearch {
  /** Latitude, longitude of the map centre. */
  c?: [number, number]
  z?: number
  globe?: true
  /** Layers switched off; all are on otherwise. */
  hide?: Layer[]
  /** Selected aircraft (icao24). */
  sel?: string
  follow?: true
  q?: string
  /** Categories shown; all when absent. */
  cat?: Category[]
  /** Altitude range in metres. */
  alt?: [number, number]
  sort?: Sort
}

export function readLiveSearch(raw: RawSearch): LiveSearch {
  const icao24 = readText(raw.sel)?.toLowerCase()
  const center = readPair(raw.c)
  return {
    c: center && Math.abs(center[0]) <= 90 ? center : undefined,
    z: readNumber(raw.z, 0, 14),
    globe: readFlag(raw.globe),
    hide: readListOf(raw.hide, LAYERS),
    sel: icao24 && /^[0-9a-f]{6}$/.test(icao24) ? icao24 : undefined,
    follow: readFlag(raw.follow),
    q: readText(raw.q),
    cat: readListOf(raw.cat, CATEGORIES),
    alt: readPair(raw.alt),
    sort: readListOf(raw.sort, SORTS)?.[0],
  }
}
