// Geometry of the altitude profile: points of a flight as pieces of line, broken where nothing is known.
import type { TrailPoints } from '../api/types'

export interface Box {
  width: number
  height: number
}

export interface Scale {
  from: number
  to: number
  top: number
  x: (time: number) => number
  y: (metres: number) => number
}

/** Nothing seen for this long is a gap in the line. */
export const GAP_SECONDS = 900
const LEAST_SPAN = 600
const HEADROOM = 1.12

export function profileScale(points: TrailPoints, now: number, box: Box): Scale {
  const from = points.t[0] ?? now
  const to = Math.max(now, from + LEAST_SPAN, points.t.at(-1) ?? now)
  const highest = points.alt.reduce<number>((most, metres) => Math.max(most, metres ?? 0), 0)
  const top = Math.max(1000, highest) * HEADROOM
  return {
    from,
    to,
    top,
    x: time => ((time - from) / (to - from)) * box.width,
    y: metres => box.height - (Math.max(0, metres) / top) * box.height,
  }
}

export interface Run {
  /** Indices into the points, both included. */
  first: number
  last: number
}

/** Stretches without a gap in time and with a known altitude. */
export function runs(points: TrailPoints): Run[] {
  const found: Run[] = []
  let first = -1
  for (let i = 0; i < points.t.length; i++) {
    const known = points.alt[i] !== null
    const gap = i > 0 && points.t[i] - points.t[i - 1] > GAP_SECONDS
    if (first >= 0 && (!known || gap)) {
      found.push({ first, last: i - 1 })
      first = -1
    }
    if (known && first < 0) first = i
  }
  if (first >= 0) found.push({ first, last: points.t.length - 1 })
  return found
}

const MOST_POINTS = 300

export function linePath(points: TrailPoints, { first, last }: Run, scale: Scale): string {
  const step = Math.max(1, Math.floor((last - first) / MOST_POINTS))
  const parts: string[] = []
  for (let i = first; i <= last; i += step) {
    parts.push(`${scale.x(points.t[i]).toFixed(1)} ${scale.y(points.alt[i] ?? 0).toFixed(1)}`)
  }
  if ((last - first) % step !== 0) {
    parts.push(`${scale.x(points.t[last]).toFixed(1)} ${scale.y(points.alt[last] ?? 0).toFixed(1)}`)
  }
  return `M${parts.join('L')}`
}

export const areaPath = (points: TrailPoints, run: Run, scale: Scale): string =>
  `${linePath(points, run, scale)}V${scale.y(0)}H${scale.x(points.t[run.first]).toFixed(1)}Z`

/** Index of the point nearest in time, for the read-out under the pointer. */
export function nearestPoint(points: TrailPoints, time: number): number {
  let low = 0
  let high = points.t.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (points.t[middle] < time) low = middle + 1
    else high = middle
  }
  return low > 0 && time - points.t[low - 1] < points.t[low] - time ? low - 1 : low
}
