// Aircraft that were in the sky during this visit and are not any more; the list keeps them, greyed.
import { altitudeOf, findRow, type Frame } from '../sky/codec'

export interface Departed {
  icao24: number
  lat: number
  lon: number
  altitude: number | null
  /** Sky time of the last position. */
  seen: number
}

const KEPT = 500

/** What has left between two frames is added, what has come back is taken out; the longest gone are forgotten. */
export function updateDeparted(
  known: ReadonlyMap<number, Departed>,
  before: Frame | null,
  after: Frame,
): ReadonlyMap<number, Departed> {
  const next = new Map<number, Departed>()
  for (const [icao24, departed] of known) if (findRow(after, icao24) < 0) next.set(icao24, departed)
  for (let row = 0; before && row < before.n; row++) {
    const icao24 = before.icao24[row]
    if (findRow(after, icao24) >= 0) continue
    next.set(icao24, {
      icao24,
      lat: before.lat[row] * 1e-7,
      lon: before.lon[row] * 1e-7,
      altitude: altitudeOf(before, row),
      seen: before.time - before.age[row] / 10,
    })
  }
  for (const icao24 of next.keys()) {
    if (next.size <= KEPT) break
    next.delete(icao24)
  }
  return next
}
