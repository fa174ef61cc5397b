// The binary frame: a 32-byte header and 4-byte-aligned columns. The columns are the GPU's attributes as they are, so
// decoding is nothing but laying typed arrays over the bytes.
export const HEADER_BYTES = 32
const MAGIC = 0x31525443 // "CTR1"

export const ALTITUDE_UNKNOWN = -32768
export const AGE_OLDER = 65535

export const FLAG_GROUND = 1
export const FLAG_EMERGENCY = 16
export const FLAG_ESTIMATED_SOURCE = 32
export const FLAG_SUSPECT = 64

export const SHAPES = ['jet', 'heavy', 'light', 'rotor', 'glider', 'ground'] as const
export type Shape = (typeof SHAPES)[number]

const COLUMNS = [
  ['icao24', 4],
  ['lat', 4],
  ['lon', 4],
  ['alt', 2],
  ['speed', 2],
  ['track', 2],
  ['age', 2],
  ['climb', 1],
  ['flags', 1],
] as const
export type ColumnName = (typeof COLUMNS)[number][0]

export interface Frame {
  n: number
  /** Sky time (Unix seconds) at which ages count. */
  time: number
  seq: number
  demo: boolean
  buffer: ArrayBuffer
  /** Byte offset of each column. */
  offsets: Record<ColumnName, number>
  icao24: Uint32Array
  /** 1e-7 degrees. */
  lat: Int32Array
  lon: Int32Array
  /** Metres; `ALTITUDE_UNKNOWN`. */
  alt: Int16Array
  /** 0.1 m/s. */
  speed: Uint16Array
  /** 360/65536 degrees. */
  track: Uint16Array
  /** 0.1 s; `AGE_OLDER` = older than can be told. */
  age: Uint16Array
  /** 0.5 m/s. */
  climb: Int8Array
  flags: Uint8Array
}

const pad4 = (size: number) => (size + 3) & ~3

export function layout(n: number): { offsets: Record<ColumnName, number>; size: number } {
  let size = HEADER_BYTES
  const offsets = {} as Record<ColumnName, number>
  for (const [name, width] of COLUMNS) {
    offsets[name] = size
    size = pad4(size + n * width)
  }
  return { offsets, size }
}

export class FrameError extends Error {
  override readonly name = 'FrameError'
}

export function decodeFrame(buffer: ArrayBuffer): Frame {
  if (buffer.byteLength < HEADER_BYTES) throw new FrameError('The frame ends within its header')
  const header = new DataView(buffer)
  if (header.getUint32(0, true) !== MAGIC) throw new FrameError('The frame has an unknown format')
  const n = header.getUint32(4, true)
  const { offsets, size } = layout(n)
  if (buffer.byteLength < size) throw new FrameError(`The frame is cut off: ${buffer.byteLength} of ${size} bytes`)
  return {
    n,
    time: header.getFloat64(8, true),
    seq: header.getUint32(16, true),
    demo: (header.getUint32(20, true) & 1) === 1,
    buffer,
    offsets,
    icao24: new Uint32Array(buffer, offsets.icao24, n),
    lat: new Int32Array(buffer, offsets.lat, n),
    lon: new Int32Array(buffer, offsets.lon, n),
    alt: new Int16Array(buffer, offsets.alt, n),
    speed: new Uint16Array(buffer, offsets.speed, n),
    track: new Uint16Array(buffer, offsets.track, n),
    age: new Uint16Array(buffer, offsets.age, n),
    climb: new Int8Array(buffer, offsets.climb, n),
    flags: new Uint8Array(buffer, offsets.flags, n),
  }
}

/** Row of an aircraft, or −1. Rows are ordered by icao24. */
export function findRow(frame: Frame, icao24: number): number {
  let low = 0
  let high = frame.n - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const value = frame.icao24[middle]
    if (value === icao24) return middle
    if (value < icao24) low = middle + 1
    else high = middle - 1
  }
  return -1
}

export const icaoText = (icao24: number) => icao24.toString(16).padStart(6, '0')
export const icaoNumber = (text: string) => Number.parseInt(text, 16)

export const isGround = (frame: Frame, row: number) => (frame.flags[row] & FLAG_GROUND) !== 0
export const isEmergency = (frame: Frame, row: number) => (frame.flags[row] & FLAG_EMERGENCY) !== 0
export const isSuspect = (frame: Frame, row: number) => (frame.flags[row] & FLAG_SUSPECT) !== 0
export const shapeOf = (frame: Frame, row: number): Shape => SHAPES[(frame.flags[row] >> 1) & 7] ?? 'jet'
export const altitudeOf = (frame: Frame, row: number): number | null =>
  frame.alt[row] === ALTITUDE_UNKNOWN ? null : frame.alt[row]
export const speedOf = (frame: Frame, row: number) => frame.speed[row] / 10
export const trackOf = (frame: Frame, row: number) => (frame.track[row] * 360) / 65536
export const climbOf = (frame: Frame, row: number) => frame.climb[row] / 2
