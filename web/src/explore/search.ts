// What of the Explore page is in its address: the period, the filters of every figure, which figures show their table.
import { readList, readListOf, readNumber, readNumbers, readPair, readText, type RawSearch } from '../params'

export const PRESETS = ['1h', '6h', '24h', '7d', '30d'] as const
export type Preset = (typeof PRESETS)[number]

/** Figures that the page shows, as the address names them. */
export const FIGURES = ['series', 'map', 'countries', 'airlines', 'bands', 'hours'] as const
export type FigureName = (typeof FIGURES)[number]

/** What can be narrowed down; an empty or absent list selects everything. */
export interface Filters {
  /** ISO 3166-1 alpha-2. */
  country?: string[]
  /** ICAO three-letter designators. */
  airline?: string[]
  /** 0 is the ground, 1 … 14 are thousands of metres, −1 is unknown. */
  band?: number[]
  /** Hours of the day, UTC. */
  hour?: number[]
  /** Days of the week, UTC, 1 is Monday. */
  dow?: number[]
}

export interface ExploreSearch extends Filters {
  /** A period that ends now; `24h` when neither this nor `from` and `to` are there. */
  range?: Preset
  from?: string
  to?: string
  table?: FigureName[]
  /** Latitude, longitude of the map's centre. */
  c?: [number, number]
  z?: number
}

/** "2026-03-14T09:00Z": whole minutes are enough, and short in an address. */
export const instantText = (ms: number) => `${new Date(ms).toISOString().slice(0, 16)}Z`

function readInstant(raw: unknown): string | undefined {
  const ms = Date.parse(readText(raw) ?? '')
  return Number.isFinite(ms) ? instantText(ms) : undefined
}

const readCodes = (raw: unknown, pattern: RegExp): string[] | undefined => {
  const codes = (readList(raw) ?? []).map(code => code.toUpperCase()).filter(code => pattern.test(code))
  return codes.length > 0 ? [...new Set(codes)] : undefined
}

const readWhole = (raw: unknown, low: number, high: number): number[] | undefined => {
  const kept = (readNumbers(raw) ?? []).filter(n => Number.isInteger(n) && n >= low && n <= high)
  return kept.length > 0 ? [...new Set(kept)] : undefined
}

export function readExploreSearch(raw: RawSearch): ExploreSearch {
  const from = readInstant(raw.from)
  const to = readInstant(raw.to)
  const custom = from !== undefined && to !== undefined && from < to
  const center = readPair(raw.c)
  return {
    range: custom ? undefined : readListOf(raw.range, PRESETS)?.[0],
    from: custom ? from : undefined,
    to: custom ? to : undefined,
    country: readCodes(raw.country, /^[A-Z]{2}$/),
    airline: readCodes(raw.airline, /^[A-Z0-9]{3}$/),
    band: readWhole(raw.band, -1, 14),
    hour: readWhole(raw.hour, 0, 23),
    dow: readWhole(raw.dow, 1, 7),
    table: readListOf(raw.table, FIGURES),
    c: center && Math.abs(center[0]) <= 90 ? center : undefined,
    z: readNumber(raw.z, 0, 13),
  }
}
