// Small frames for tests, encoded to bytes as the server does and decoded again.
import { AGE_OLDER, ALTITUDE_UNKNOWN, decodeFrame, layout, type Frame } from './codec'

export interface SampleRow {
  icao24?: number
  lat?: number
  lon?: number
  /** Metres; null is unknown. */
  alt?: number | null
  /** m/s. */
  speed?: number
  /** Degrees. */
  track?: number
  /** Seconds; Infinity is "older". */
  age?: number
  climb?: number
  flags?: number
}

export const SAMPLE_TIME = 1_763_000_000

export function sampleFrame(rows: readonly SampleRow[], time = SAMPLE_TIME): Frame {
  const { offsets, size } = layout(rows.length)
  const view = new DataView(new ArrayBuffer(size))
  view.setUint32(0, 0x31525443, true)
  view.setUint32(4, rows.length, true)
  view.setFloat64(8, time, true)
  rows.forEach((row, i) => {
    const age = row.age ?? 0
    view.setUint32(offsets.icao24 + 4 * i, row.icao24 ?? i + 1, true)
    view.setInt32(offsets.lat + 4 * i, Math.round((row.lat ?? 0) * 1e7), true)
    view.setInt32(offsets.lon + 4 * i, Math.round((row.lon ?? 0) * 1e7), true)
    view.setInt16(offsets.alt + 2 * i, row.alt === null ? ALTITUDE_UNKNOWN : (row.alt ?? 0), true)
    view.setUint16(offsets.speed + 2 * i, Math.round((row.speed ?? 0) * 10), true)
    view.setUint16(offsets.track + 2 * i, Math.round(((row.track ?? 0) * 65_536) / 360), true)
    view.setUint16(offsets.age + 2 * i, age === Infinity ? AGE_OLDER : Math.round(age * 10), true)
    view.setInt8(offsets.climb + i, Math.round((row.climb ?? 0) * 2))
    view.setUint8(offsets.flags + i, row.flags ?? 0)
  })
  return decodeFrame(view.buffer)
}
