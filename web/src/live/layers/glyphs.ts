// The few characters that callsigns are made of, drawn once with the page's font: letter in red, halo in green.
export const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-'
const FONT_SIZE = 10.5
const HALO = 2.4
const PADDING = 3

export interface Glyphs {
  /** Device pixels of one cell. */
  cellWidth: number
  cellHeight: number
  /** Width of each character, device pixels. */
  advances: number[]
  width: number
  pixels: Uint8Array<ArrayBuffer>
}

export function drawGlyphs(ratio: number): Glyphs | null {
  const font = `600 ${FONT_SIZE * ratio}px "Inter Variable", sans-serif`
  const canvas = document.createElement('canvas')
  const measuring = canvas.getContext('2d', { willReadFrequently: true })
  if (!measuring) return null
  measuring.font = font
  const advances = [...CHARACTERS].map(character => measuring.measureText(character).width)
  const cellWidth = Math.ceil(Math.max(...advances) + 2 * PADDING * ratio)
  const cellHeight = Math.ceil((FONT_SIZE + 2 * PADDING) * ratio)
  const width = cellWidth * CHARACTERS.length
  const draw = (paint: (context: CanvasRenderingContext2D, text: string, x: number, y: number) => void) => {
    canvas.width = width
    canvas.height = cellHeight
    const context = canvas.getContext('2d', { willReadFrequently: true })
    if (!context) return null
    context.font = font
    context.textBaseline = 'middle'
    context.lineJoin = 'round'
    context.lineWidth = HALO * ratio
    ;[...CHARACTERS].forEach((character, i) => {
      paint(context, character, i * cellWidth + PADDING * ratio, cellHeight / 2)
    })
    return context.getImageData(0, 0, width, cellHeight).data
  }
  const letters = draw((context, text, x, y) => context.fillText(text, x, y))
  const halos = draw((context, text, x, y) => context.strokeText(text, x, y))
  if (!letters || !halos) return null
  const pixels = new Uint8Array(width * cellHeight * 2)
  for (let i = 0; i < width * cellHeight; i++) {
    pixels[2 * i] = letters[4 * i + 3]
    pixels[2 * i + 1] = halos[4 * i + 3]
  }
  return { cellWidth, cellHeight, advances, width, pixels }
}

/** Cells and left edges (device pixels from the anchor) of a text; characters that are not drawn are left out. */
export function layOut(
  text: string,
  glyphs: Pick<Glyphs, 'advances'>,
  ratio: number,
): { cells: number[]; lefts: number[]; width: number } {
  const cells: number[] = []
  const lefts: number[] = []
  let x = 0
  for (const character of text.toUpperCase()) {
    const cell = CHARACTERS.indexOf(character)
    if (cell < 0) continue
    cells.push(cell)
    lefts.push(Math.round(x - PADDING * ratio))
    x += glyphs.advances[cell]
  }
  return { cells, lefts, width: x }
}

export interface LabelBox {
  left: number
  top: number
  right: number
  bottom: number
}

const GRID = 64

function* gridCells(box: LabelBox): Generator<string> {
  for (let x = Math.floor(box.left / GRID); x <= Math.floor(box.right / GRID); x++) {
    for (let y = Math.floor(box.top / GRID); y <= Math.floor(box.bottom / GRID); y++) yield `${x},${y}`
  }
}

const overlap = (a: LabelBox, b: LabelBox) =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom

/**
 * Places boxes in order and leaves out each that would cover an obstacle or a box placed before; answers the indices
 * that stay.
 */
export function withoutOverlaps(boxes: readonly LabelBox[], obstacles: readonly LabelBox[] = []): number[] {
  const grid = new Map<string, LabelBox[]>()
  const place = (box: LabelBox) => {
    for (const cell of gridCells(box)) {
      const there = grid.get(cell)
      if (there) there.push(box)
      else grid.set(cell, [box])
    }
  }
  obstacles.forEach(place)
  return boxes.flatMap((box, i) => {
    for (const cell of gridCells(box)) if (grid.get(cell)?.some(other => overlap(box, other))) return []
    place(box)
    return [i]
  })
}
