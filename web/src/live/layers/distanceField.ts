// Signed distance fields: each texel says how far it is from the edge of the shape, so one small texture stays sharp
// at every size and can be drawn filled, hollow or with a halo.
import { SILHOUETTE_BOX, SILHOUETTES } from './silhouettes'

export const CELL = 64
/** Empty border around the shape, so that halos have room; also the distance that the field spans. */
const MARGIN = 10
const OVERSAMPLING = 4
/** Value on the edge; above is inside. */
export const EDGE = 191

export interface Atlas {
  width: number
  height: number
  pixels: Uint8Array<ArrayBuffer>
}

const FAR = 1e12

/** Squared distance along one row or column to the lower envelope of parabolas (Felzenszwalb and Huttenlocher). */
function transformLine(
  values: Float64Array,
  n: number,
  out: Float64Array,
  vertices: Int32Array,
  borders: Float64Array,
) {
  let k = 0
  vertices[0] = 0
  borders[0] = -FAR
  borders[1] = FAR
  for (let q = 1; q < n; q++) {
    let s: number
    do {
      const r = vertices[k]
      s = (values[q] - values[r] + q * q - r * r) / (q - r) / 2
    } while (s <= borders[k] && --k > -1)
    k++
    vertices[k] = q
    borders[k] = s
    borders[k + 1] = FAR
  }
  for (let q = 0, j = 0; q < n; q++) {
    while (borders[j + 1] < q) j++
    const r = vertices[j]
    out[q] = values[r] + (q - r) * (q - r)
  }
}

/** Squared distance of every cell of an n × n grid to the nearest cell where `inside` is `target`. */
export function squaredDistance(inside: Uint8Array, n: number, target: 0 | 1): Float64Array {
  const grid = Float64Array.from(inside, value => (value === target ? 0 : FAR))
  const line = new Float64Array(n)
  const out = new Float64Array(n)
  const vertices = new Int32Array(n)
  const borders = new Float64Array(n + 1)
  const pass = (start: number, step: number) => {
    for (let i = 0; i < n; i++) line[i] = grid[start + i * step]
    transformLine(line, n, out, vertices, borders)
    for (let i = 0; i < n; i++) grid[start + i * step] = out[i]
  }
  for (let column = 0; column < n; column++) pass(column, n)
  for (let row = 0; row < n; row++) pass(row * n, 1)
  return grid
}

function rasterise(path: string, context: CanvasRenderingContext2D, size: number): Uint8Array {
  const scale = ((CELL - 2 * MARGIN) / SILHOUETTE_BOX) * OVERSAMPLING
  context.clearRect(0, 0, size, size)
  context.save()
  context.translate(MARGIN * OVERSAMPLING, MARGIN * OVERSAMPLING)
  context.scale(scale, scale)
  const outline = new Path2D(path)
  context.fill(outline)
  context.restore()
  const { data } = context.getImageData(0, 0, size, size)
  const inside = new Uint8Array(size * size)
  for (let i = 0; i < inside.length; i++) inside[i] = data[i * 4 + 3] > 127 ? 1 : 0
  return inside
}

/** All silhouettes side by side in one texture. */
export function silhouetteAtlas(): Atlas {
  const size = CELL * OVERSAMPLING
  const canvas = document.createElement('canvas')
  canvas.width = size
  canvas.height = size
  const context = canvas.getContext('2d', { willReadFrequently: true })
  const width = CELL * SILHOUETTES.length
  const pixels = new Uint8Array(width * CELL)
  if (!context) return { width, height: CELL, pixels }
  SILHOUETTES.forEach((path, cell) => {
    const inside = rasterise(path, context, size)
    const outwards = squaredDistance(inside, size, 1)
    const inwards = squaredDistance(inside, size, 0)
    for (let y = 0; y < CELL; y++) {
      for (let x = 0; x < CELL; x++) {
        const at = (y * OVERSAMPLING + 2) * size + x * OVERSAMPLING + 2
        const distance = (Math.sqrt(outwards[at]) - Math.sqrt(inwards[at])) / OVERSAMPLING
        const value = Math.round(EDGE - distance * (EDGE / MARGIN))
        pixels[y * width + cell * CELL + x] = Math.max(0, Math.min(255, value))
      }
    }
  })
  return { width, height: CELL, pixels }
}
