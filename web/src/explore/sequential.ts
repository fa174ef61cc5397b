// The sequential ramp (density, calendar): from hardly anything to the most; linear between six stops.
import type { Theme } from '../prefs/preferences'
import { parseHex } from '../theme/ramp'

export const SEQUENTIAL: Record<Theme, readonly string[]> = {
  dark: ['#131e31', '#16335a', '#1c5290', '#3180cf', '#74b6f7', '#d5ebff'],
  light: ['#edf2f8', '#c8def4', '#92c0eb', '#5597db', '#1f6abc', '#0a3f7d'],
}

/** Where the ramp begins on the map: even the emptiest cell must stand out from land and sea. */
export const LEAST_SHARE: Record<Theme, number> = { dark: 0.14, light: 0.3 }

export function sequentialRgb(share: number, theme: Theme): [number, number, number] {
  const stops = SEQUENTIAL[theme]
  const at = Math.min(1, Math.max(0, share)) * (stops.length - 1)
  const k = Math.min(stops.length - 2, Math.floor(at))
  const [low, high] = [parseHex(stops[k]), parseHex(stops[k + 1])]
  return [0, 1, 2].map(c => Math.round(low[c] + (high[c] - low[c]) * (at - k))) as [number, number, number]
}

export const sequentialColor = (share: number, theme: Theme) => `rgb(${sequentialRgb(share, theme).join(' ')})`
export const sequentialGradient = (theme: Theme, least = 0) =>
  `linear-gradient(90deg, ${Array.from({ length: 6 }, (_, i) => sequentialColor(least + ((1 - least) * i) / 5, theme)).join(', ')})`
