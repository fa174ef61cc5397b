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

/** Places boxes in order and leaves out each that would cover one placed before; answers the indices that stay. */
export function withoutOverlaps(boxes: readonly LabelBox[]): number[] {
  const SIZE = 64
  const grid = new Map<string, LabelBox[]>()
  const kept: number[] = []
  boxes.forEach((box, i) => {
    const keys: string[] = []
    for (let x = Math.floor(box.left / SIZE); x <= Math.floor(box.right / SIZE); x++) {
      for (let y = Math.floor(box.top / SIZE); y <= Math.floor(box.bottom / SIZE); y++) keys.push(`${x},${y}`)
    }
    const hit = keys.some(key =>
      grid
        .get(key)
        ?.some(
          other => box.left < other.right && other.left < box.right && box.top < other.bottom && other.top < box.bottom,
        ),
    )
    if (hit) return
    kept.push(i)
    for (const key of keys) grid.set(key, [...(grid.get(key) ?? []), box])
  })
  return kept
}
