// The altitude ramp: warm near the ground, cool high up; linear between stops, clamped outside.
import type { Theme } from '../prefs/preferences'

export const ALTITUDE_STOPS = [0, 1500, 4000, 7000, 10_000, 12_500] as const
export const ALTITUDE_MAX = 12_500

export const RAMP: Record<Theme, readonly string[]> = {
  dark: ['#EE5A24', '#F79A3E', '#FBD26A', '#DFF0E0', '#86CFF7', '#4C9BFF'],
  light: ['#DB5A0B', '#A84300', '#63331A', '#22384D', '#0E5EA8', '#2388E6'],
}

export const parseHex = (hex: string): [number, number, number] => [
  Number.parseInt(hex.slice(1, 3), 16),
  Number.parseInt(hex.slice(3, 5), 16),
  Number.parseInt(hex.slice(5, 7), 16),
]

/** Colour at an altitude as 0–255 channels. */
export function altitudeRgb(metres: number, theme: Theme): [number, number, number] {
  const stops = ALTITUDE_STOPS
  const clamped = Math.min(ALTITUDE_MAX, Math.max(0, metres))
  let k = 0
  while (k < stops.length - 2 && stops[k + 1] < clamped) k++
  const share = (clamped - stops[k]) / (stops[k + 1] - stops[k])
  const low = parseHex(RAMP[theme][k])
  const high = parseHex(RAMP[theme][k + 1])
  return [0, 1, 2].map(c => Math.round(low[c] + (high[c] - low[c]) * share)) as [number, number, number]
}

export const altitudeColor = (metres: number, theme: Theme) => `rgb(${altitudeRgb(metres, theme).join(' ')})`

/** The ramp as gradient stops over 0 … `top` metres: [share, colour]. */
export const rampStops = (theme: Theme, top: number): [number, string][] =>
  ALTITUDE_STOPS.map((metres, i) => [Math.min(1, metres / top), RAMP[theme][i]])
