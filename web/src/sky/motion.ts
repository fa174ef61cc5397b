// Where an aircraft is by now, and how sure that is. The same rules as in the vertex shader (shaders/motion.glsl).
import { AGE_OLDER, FLAG_GROUND, isSuspect, type Frame } from './codec'

export const EARTH_RADIUS = 6_371_000
/** Nothing is moved further than this past its last position, and older positions leave the map. */
export const MAX_AGE = 300
const RAD = Math.PI / 180

export type Certainty = 'measured' | 'estimated' | 'old' | 'gone'

export const MEASURED_UNTIL = 15
export const ESTIMATED_UNTIL = 60

export function certaintyOf(age: number): Certainty {
  if (age <= MEASURED_UNTIL) return 'measured'
  if (age <= ESTIMATED_UNTIL) return 'estimated'
  return age <= MAX_AGE ? 'old' : 'gone'
}

/** Seconds since the position was measured, at sky time `now`. */
export function ageAt(frame: Frame, row: number, now: number): number {
  const age = frame.age[row]
  return age === AGE_OLDER ? Number.POSITIVE_INFINITY : age / 10 + Math.max(0, now - frame.time)
}

/** A suspect position is never shown as a certain one. */
export const certaintyAt = (frame: Frame, row: number, now: number): Certainty => {
  const certainty = certaintyOf(ageAt(frame, row, now))
  return certainty === 'measured' && isSuspect(frame, row) ? 'estimated' : certainty
}

export interface Position {
  lat: number
  lon: number
}

/** Dead reckoning along the track at constant speed; aircraft on the ground stay where they are. */
export function positionAt(frame: Frame, row: number, now: number, out: Position = { lat: 0, lon: 0 }): Position {
  const lat = frame.lat[row] * 1e-7
  const lon = frame.lon[row] * 1e-7
  const age = Math.min(MAX_AGE, ageAt(frame, row, now))
  if ((frame.flags[row] & FLAG_GROUND) !== 0) {
    out.lat = lat
    out.lon = lon
    return out
  }
  const track = frame.track[row] * ((2 * Math.PI) / 65536)
  const degrees = (frame.speed[row] * 0.1 * age) / EARTH_RADIUS / RAD
  const north = degrees * Math.cos(track)
  out.lat = Math.max(-90, Math.min(90, lat + north))
  out.lon = wrapLongitude(lon + (degrees * Math.sin(track)) / Math.max(0.02, Math.cos((lat + north / 2) * RAD)))
  return out
}

export const wrapLongitude = (lon: number) =>
  lon >= -180 && lon < 180 ? lon : lon - 360 * Math.floor((lon + 180) / 360)

/** Great-circle distance in metres. */
export function distance(latA: number, lonA: number, latB: number, lonB: number): number {
  const dLat = (latB - latA) * RAD
  const dLon = (lonB - lonA) * RAD
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(latA * RAD) * Math.cos(latB * RAD) * Math.sin(dLon / 2) ** 2
  return 2 * EARTH_RADIUS * Math.asin(Math.min(1, Math.sqrt(h)))
}

/** Subsolar point (radians) at a Unix time, good to about 0.01°. */
export function subsolarPoint(time: number): { lat: number; lon: number } {
  const days = time / 86_400 + 2_440_587.5 - 2_451_545
  const anomaly = (357.529 + 0.98560028 * days) * RAD
  const longitude = (280.459 + 0.98564736 * days + 1.915 * Math.sin(anomaly) + 0.02 * Math.sin(2 * anomaly)) * RAD
  const obliquity = 23.439 * RAD
  const declination = Math.asin(Math.sin(obliquity) * Math.sin(longitude))
  const ascension = Math.atan2(Math.cos(obliquity) * Math.sin(longitude), Math.cos(longitude))
  const sidereal = (18.697374558 + 24.06570982441908 * days) * 15 * RAD
  const lon = (ascension - sidereal) % (2 * Math.PI)
  return { lat: declination, lon: lon > Math.PI ? lon - 2 * Math.PI : lon < -Math.PI ? lon + 2 * Math.PI : lon }
}
