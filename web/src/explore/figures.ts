// From answers to what is drawn: hours with their gaps, the week as a grid, shares of bands, scales, differences.
import type { BandCount, DensityAnswer, DensityCell, HourCell, HourCount } from './answers'
import { HOUR, type Period } from './period'
import type { Filters } from './search'

export interface Series {
  /** Middle of each hour of the period, seconds. */
  times: number[]
  counts: (number | null)[]
  /** The same hours of the period before; null where there is none. */
  before: (number | null)[]
  /** Stretches without data that no filter has taken out: start and end, seconds. */
  gaps: [from: number, to: number][]
  /** Place of the hour that is not over yet. */
  running: number | null
}

/** ISO day of the week and hour of the day in UTC. */
export function placeInWeek(ms: number): { dow: number; hour: number } {
  const date = new Date(ms)
  return { dow: date.getUTCDay() || 7, hour: date.getUTCHours() }
}

export function buildSeries(
  points: readonly HourCount[],
  previous: readonly HourCount[] | null,
  { from, to }: Period,
  filters: Filters,
  nowMs: number,
): Series {
  const now = new Map(points.map(point => [Date.parse(point.hour), point.aircraft]))
  const then = new Map((previous ?? []).map(point => [Date.parse(point.hour) + (to - from), point.aircraft]))
  const series: Series = { times: [], counts: [], before: [], gaps: [], running: null }
  for (let hour = from; hour < to; hour += HOUR) {
    const count = now.get(hour) ?? null
    series.times.push((hour + HOUR / 2) / 1000)
    series.counts.push(count)
    series.before.push(then.get(hour) ?? null)
    if (count !== null && hour + HOUR > nowMs) series.running = series.times.length - 1
    const { dow, hour: ofDay } = placeInWeek(hour)
    const wanted = (filters.dow?.includes(dow) ?? true) && (filters.hour?.includes(ofDay) ?? true)
    // With a filter an hour without anything is a quiet hour; without one it is a hole in what was recorded.
    const narrowed = filters.country ?? filters.airline ?? filters.band
    if (count === null && wanted && !narrowed && hour + HOUR <= nowMs) {
      const last = series.gaps.at(-1)
      if (last && last[1] === hour / 1000) last[1] = (hour + HOUR) / 1000
      else series.gaps.push([hour / 1000, (hour + HOUR) / 1000])
    }
  }
  return series
}

/** Points with no neighbour: a line would not show them. */
export const isolated = (counts: readonly (number | null)[]): number[] =>
  counts.flatMap((count, i) =>
    count !== null && (counts[i - 1] ?? null) === null && (counts[i + 1] ?? null) === null ? [i] : [],
  )

export const WEEK = [1, 2, 3, 4, 5, 6, 7] as const
export const DAY_HOURS = Array.from({ length: 24 }, (_, hour) => hour)

/** Means by [day − 1][hour]; null where the period has no such hour. */
export function weekGrid(cells: readonly HourCell[]): (number | null)[][] {
  const grid: (number | null)[][] = WEEK.map(() => DAY_HOURS.map(() => null))
  for (const { dow, hour, aircraft } of cells) if (grid[dow - 1]) grid[dow - 1][hour] = aircraft
  return grid
}

/** Mean over the days that have an hour, for each hour of the day; null where no day has it. */
export const hourlyMeans = (grid: readonly (readonly (number | null)[])[]): (number | null)[] =>
  DAY_HOURS.map(hour => {
    const known = grid.flatMap(hours => hours[hour] ?? [])
    return known.length > 0 ? known.reduce((sum, mean) => sum + mean, 0) / known.length : null
  })

export interface BandShare extends BandCount {
  share: number
}

/** Ground first, then upwards, unknown last; unknown is left out when there is none. */
export function bandShares(bands: readonly BandCount[]): BandShare[] {
  const all = bands.reduce((sum, band) => sum + band.observations, 0)
  const order = (band: number) => (band < 0 ? 99 : band)
  return bands
    .filter(({ band, observations }) => band >= 0 || observations > 0)
    .map(band => ({ ...band, share: all > 0 ? band.observations / all : 0 }))
    .toSorted((a, b) => order(a.band) - order(b.band))
}

/** Round steps from 0 to at least `top`, at most `most` of them. */
export function niceTicks(top: number, most = 4): number[] {
  if (!(top > 0)) return [0, 1]
  const power = 10 ** Math.floor(Math.log10(top / most))
  const step = [1, 2, 2.5, 5, 10].map(n => n * power).find(candidate => top / candidate <= most) ?? 10 * power
  return Array.from({ length: Math.ceil(top / step - 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(6)))
}

/** Relative change, or null when there is nothing to compare with. */
export const change = (now: number | null | undefined, before: number | null | undefined): number | null =>
  now === null || now === undefined || !before ? null : (now - before) / before

/** Cells joined by `factor` on each side: what is smaller than a few pixels cannot be read. */
export function mergeCells(cells: readonly DensityCell[], factor: number): DensityCell[] {
  if (factor <= 1) return [...cells]
  const merged = new Map<number, DensityCell>()
  for (const [row, column, count] of cells) {
    const [r, c] = [Math.floor(row / factor), Math.floor(column / factor)]
    const known = merged.get(r * 10_000 + c)
    if (known) known[2] += count
    else merged.set(r * 10_000 + c, [r, c, count])
  }
  return [...merged.values()]
}

const LEAST_PIXELS = 1.8

/** How many cells to join on each side so that one is wide enough on screen at a zoom of the map. */
export function mergeFactor(cellDegrees: number, zoom: number): number {
  const pixels = (cellDegrees / 360) * 512 * 2 ** zoom
  return [1, 2, 4, 8].find(factor => factor * pixels >= LEAST_PIXELS) ?? 8
}

/** Place of a count between the least and the most, by its logarithm: 0 … 1. */
export const logShare = (count: number, most: number) => (most <= 1 ? 1 : Math.log(Math.max(1, count)) / Math.log(most))

export interface Box {
  west: number
  south: number
  east: number
  north: number
}

/** Where nearly all observations are, a little trimmed so that one stray position does not decide; null without any. */
export function boxOf({ cells, cell_deg }: DensityAnswer): Box | null {
  const all = cells.reduce((sum, [, , count]) => sum + count, 0)
  if (all === 0) return null
  const edges = (index: 0 | 1): [number, number] => {
    const sums = new Map<number, number>()
    for (const cell of cells) sums.set(cell[index], (sums.get(cell[index]) ?? 0) + cell[2])
    const lines = [...sums].toSorted((a, b) => a[0] - b[0])
    const at = (sorted: [number, number][]) => {
      let sum = 0
      return sorted.find(([, count]) => (sum += count) > all * 0.002)?.[0] ?? 0
    }
    return [at(lines), at(lines.toReversed()) + 1]
  }
  const [bottom, top] = edges(0)
  const [left, right] = edges(1)
  return {
    west: left * cell_deg - 180,
    south: bottom * cell_deg - 90,
    east: right * cell_deg - 180,
    north: top * cell_deg - 90,
  }
}
