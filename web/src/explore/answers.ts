// The shapes of /explore, /explore/density and /explore/range. Values are SI, times RFC 3339.
export interface Totals {
  aircraft: number
  observations: number
  countries: number
  airlines: number
  median_altitude_m: number | null
}

export interface HourCount {
  hour: string
  aircraft: number
  observations: number
}

/** A country (ISO 3166-1 alpha-2) or an airline (ICAO designator). */
export interface Ranked {
  code: string
  name: string
  aircraft: number
  observations: number
  previous: number | null
}

export interface BandCount {
  band: number
  from_m: number | null
  to_m: number | null
  observations: number
}

export interface HourCell {
  dow: number
  hour: number
  aircraft: number
}

export interface ExploreAnswer {
  from: string
  to: string
  kpis: Totals & { airborne_now: number | null; data_age_s: number | null; landed_at: string | null }
  previous: Totals | null
  series: HourCount[]
  countries: Ranked[]
  airlines: Ranked[]
  bands: BandCount[]
  hours: HourCell[]
  took_ms: number
}

/** Row from latitude −90, column from longitude −180, observations. */
export type DensityCell = [row: number, column: number, count: number]

export interface DensityAnswer {
  cell_deg: number
  cells: DensityCell[]
}

export interface RangeAnswer {
  first: string | null
  last: string | null
}
