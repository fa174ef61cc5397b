// Where aircraft have been: the last hour from the server for those that are drawn, then carried on from the frames.
import type { TrackAnswer, TrailPoints } from '../api/types'
import { altitudeOf, findRow, icaoText, isGround, type Frame } from '../sky/codec'
import { TRAIL_FLOATS } from './layers/SkyLayer'

/** So many trails at most are drawn and asked for at once. */
export const MAX_TRAILS = 200
const KEPT_SECONDS = 3600
/** Between two points further apart in time nothing is known of the way; the piece is drawn faint. */
const GAP_SECONDS = 900
const HEAD_ALPHA = 0.42
const DIMMED_ALPHA = 0.2
const GAP_ALPHA = 0.22

export class TrailStore {
  private readonly trails = new Map<number, TrailPoints>()

  has = (icao24: number) => this.trails.has(icao24)
  get = (icao24: number) => this.trails.get(icao24)

  /** Takes what the server remembers. An aircraft without an answer gets an empty trail, so it is not asked again. */
  merge(asked: readonly number[], answer: Record<string, TrailPoints>) {
    for (const icao24 of asked) {
      this.trails.set(icao24, answer[icaoText(icao24)] ?? { t: [], lat: [], lon: [], alt: [] })
    }
    this.forget(4 * MAX_TRAILS)
  }

  /** Adds the measured positions of a new frame to the trails that are kept. */
  extend(frame: Frame) {
    for (const [icao24, trail] of this.trails) {
      const row = findRow(frame, icao24)
      if (row < 0) continue
      const time = frame.time - frame.age[row] / 10
      const last = trail.t.at(-1)
      if (last !== undefined && time - last < 1) continue
      trail.t.push(time)
      trail.lat.push(frame.lat[row] * 1e-7)
      trail.lon.push(frame.lon[row] * 1e-7)
      trail.alt.push(altitudeOf(frame, row))
      dropBefore(trail, frame.time - KEPT_SECONDS)
    }
  }

  private forget(keep: number) {
    for (const icao24 of this.trails.keys()) {
      if (this.trails.size <= keep) return
      this.trails.delete(icao24)
    }
  }
}

function dropBefore(trail: TrailPoints, time: number) {
  let drop = 0
  while (drop < trail.t.length && trail.t[drop] < time) drop++
  if (drop === 0) return
  for (const column of [trail.t, trail.lat, trail.lon, trail.alt]) column.splice(0, drop)
}

/** A fixed choice of rows that does not jump while the map is moved: by a hash of the address, not by order. */
export function chooseTrails(rows: readonly number[], frame: Frame, limit = MAX_TRAILS): number[] {
  const flying = rows.filter(row => !isGround(frame, row)).map(row => frame.icao24[row])
  if (flying.length <= limit) return flying
  const hash = (icao24: number) => Math.imul(icao24, 0x9e3779b1) >>> 0
  return flying.sort((a, b) => hash(a) - hash(b)).slice(0, limit)
}

/** Points of the current flight: back to where it last stood on the ground, or was not seen for over an hour. */
export function currentFlight(columns: TrackAnswer['columns']): TrailPoints {
  const n = columns.time.length
  let start = n - 1
  while (start > 0) {
    const gap = columns.time[start] - columns.time[start - 1]
    const departed = columns.on_ground[start - 1] && !columns.on_ground[start]
    if (gap > 3600 || departed) break
    start -= 1
  }
  const from = Math.max(0, start)
  return {
    t: columns.time.slice(from),
    lat: columns.latitude.slice(from),
    lon: columns.longitude.slice(from),
    alt: columns.altitude.slice(from),
  }
}

/** Whether enough of a flight is known to draw its altitude. */
export const isDrawable = (flight: TrailPoints) => flight.alt.filter(metres => metres !== null).length > 1

/** Two sources of one way (the lake, then the last hour), in order of time and without going back. */
export function joinTrails(first: TrailPoints, second: TrailPoints | undefined): TrailPoints {
  if (!second || second.t.length === 0) return first
  const end = first.t.at(-1) ?? -Infinity
  const from = second.t.findIndex(time => time > end)
  if (from < 0) return first
  return {
    t: [...first.t, ...second.t.slice(from)],
    lat: [...first.lat, ...second.lat.slice(from)],
    lon: [...first.lon, ...second.lon.slice(from)],
    alt: [...first.alt, ...second.alt.slice(from)],
  }
}

export interface TrailDrawing {
  pieces: Float32Array<ArrayBuffer>
  /** Piece from which on the selected aircraft's way begins. */
  selectedFrom: number
}

/** Pieces for the GPU: faint at the tail, stronger at the head, ending at the last measured position. */
export function drawTrails(trails: readonly TrailPoints[], since: number, selected: TrailPoints | null): TrailDrawing {
  const out: number[] = []
  const head = selected ? DIMMED_ALPHA : HEAD_ALPHA
  for (const trail of trails) {
    let from = 0
    while (from < trail.t.length && trail.t[from] < since) from++
    const start = trail.t[from] ?? 0
    const span = Math.max(1, (trail.t.at(-1) ?? 0) - start)
    pushPieces(out, trail, from, i => (head * (trail.t[i] - start)) / span)
  }
  const selectedFrom = out.length / TRAIL_FLOATS
  if (selected) pushPieces(out, selected, 0, () => 1)
  return { pieces: new Float32Array(out), selectedFrom }
}

function pushPieces(out: number[], trail: TrailPoints, from: number, alphaAt: (i: number) => number) {
  let altitude = trail.alt[from] ?? 0
  for (let i = from; i + 1 < trail.t.length; i++) {
    const next = trail.alt[i + 1] ?? altitude
    const gap = trail.t[i + 1] - trail.t[i] > GAP_SECONDS
    const [tail, head] = gap ? [GAP_ALPHA * alphaAt(i), GAP_ALPHA * alphaAt(i + 1)] : [alphaAt(i), alphaAt(i + 1)]
    out.push(trail.lat[i], trail.lon[i], altitude, tail, trail.lat[i + 1], trail.lon[i + 1], next, head)
    altitude = next
  }
}

/** Minutes of trail that a zoom has room for. */
export const trailMinutes = (zoom: number) => (zoom < 4.5 ? 60 : 20)
