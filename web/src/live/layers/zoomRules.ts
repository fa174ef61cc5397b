// How big and in what form aircraft are drawn at a zoom, and how often the map must be painted there.

const SIZES: readonly [zoom: number, pixels: number][] = [
  [0, 7],
  [2, 8],
  [4, 13],
  [6, 20],
  [8, 27],
  [13, 38],
]

/** Side of the icon in CSS pixels. */
export function iconSize(zoom: number): number {
  if (zoom <= SIZES[0][0]) return SIZES[0][1]
  for (let i = 1; i < SIZES.length; i++) {
    const [upper, large] = SIZES[i]
    const [lower, small] = SIZES[i - 1]
    if (zoom <= upper) return small + ((large - small) * (zoom - lower)) / (upper - lower)
  }
  return SIZES[SIZES.length - 1][1]
}

/** 0: world view, comets; 1: silhouettes; between them they fade into one another. */
export const nearness = (zoom: number) => Math.min(1, Math.max(0, (zoom - 2.9) / 0.7))

const FASTEST = 250 // m/s
const EQUATOR = 40_075_016
const TILE = 512

/** Head of a comet in CSS pixels: small where a continent is a hand's breadth, or lanes run into one another. */
export const cometRadius = (zoom: number) => 0.9 + 0.35 * Math.min(1, Math.max(0, (zoom - 1.2) / 1.6))

/** Milliseconds until something on the map can have moved by a quarter of a CSS pixel; 16 ms to 1 s. */
export function repaintInterval(zoom: number): number {
  const pixelsPerSecond = FASTEST / (EQUATOR / (TILE * 2 ** zoom))
  return Math.min(1000, Math.max(16, 250 / pixelsPerSecond))
}

/** Near the ground everything on the screen is either day or night, and a darkened map says nothing but is hard to read. */
export const nightStrength = (zoom: number) => 1 - 0.6 * Math.min(1, Math.max(0, (zoom - 3.5) / 3.5))
