// Cells of the density grid as one instanced draw: the answer may have a hundred thousand of them.
import type { CustomRenderMethodInput } from 'maplibre-gl'
import { DrawnLayer, resetState, type ShaderSource } from '../live/layers/program'
import fragment from './shaders/density.frag.glsl?raw'
import vertex from './shaders/density.vert.glsl?raw'

const SHADERS: ShaderSource = { name: 'density', vertex, fragment }
/** Four floats of a box and four bytes of colour. */
const BYTES = 20
const BOX_FLOATS = 4

export interface Cells {
  count: number
  data: ArrayBuffer
}

const MOST_LATITUDE = 85.0511
const mercatorY = (latitude: number) => {
  const clamped = Math.min(MOST_LATITUDE, Math.max(-MOST_LATITUDE, latitude))
  return 0.5 - Math.log(Math.tan(Math.PI / 4 + (clamped * Math.PI) / 360)) / (2 * Math.PI)
}

/** Boxes in Web Mercator with their colours; `color` answers channels and alpha of 0–255. */
export function encodeCells(
  cells: readonly (readonly [row: number, column: number, count: number])[],
  degrees: number,
  color: (count: number) => readonly [number, number, number, number],
): Cells {
  const data = new ArrayBuffer(cells.length * BYTES)
  const floats = new Float32Array(data)
  const bytes = new Uint8Array(data)
  for (const [i, [row, column, count]] of cells.entries()) {
    const west = (column * degrees) / 360
    const south = row * degrees - 90
    floats.set([west, mercatorY(south + degrees), west + degrees / 360, mercatorY(south)], (i * BYTES) / 4)
    bytes.set(color(count), i * BYTES + BOX_FLOATS * 4)
  }
  return { count: cells.length, data }
}

export class DensityLayer extends DrawnLayer {
  readonly id = 'density'
  private buffer: WebGLBuffer | null = null
  private mesh: WebGLVertexArrayObject | null = null
  private cells: Cells = { count: 0, data: new ArrayBuffer(0) }
  private dirty = true

  setCells(cells: Cells) {
    this.cells = cells
    this.dirty = true
    this.map?.triggerRepaint()
  }

  protected build(gl: WebGL2RenderingContext) {
    this.buffer = gl.createBuffer()
    this.mesh = gl.createVertexArray()
    gl.bindVertexArray(this.mesh)
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer)
    gl.enableVertexAttribArray(0)
    gl.vertexAttribPointer(0, BOX_FLOATS, gl.FLOAT, false, BYTES, 0)
    gl.vertexAttribDivisor(0, 1)
    gl.enableVertexAttribArray(1)
    gl.vertexAttribPointer(1, 4, gl.UNSIGNED_BYTE, true, BYTES, BOX_FLOATS * 4)
    gl.vertexAttribDivisor(1, 1)
    gl.bindVertexArray(null)
    this.dirty = true
  }

  render(gl: WebGL2RenderingContext, input: CustomRenderMethodInput) {
    if (this.dirty) {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer)
      gl.bufferData(gl.ARRAY_BUFFER, this.cells.data, gl.STATIC_DRAW)
      this.dirty = false
    }
    if (this.cells.count === 0) return
    const program = this.programs.use(SHADERS, input)
    resetState(gl)
    gl.bindVertexArray(this.mesh)
    // A custom layer is drawn once, not once per copy of the world.
    for (const copy of [-1, 0, 1]) {
      gl.uniform1f(program.uniform('u_copy'), copy)
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, this.cells.count)
    }
    gl.bindVertexArray(null)
  }
}
