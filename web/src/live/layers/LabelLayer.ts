// Callsigns beside aircraft, near enough to be read. Chosen again with each frame and each move of the map; between
// those they travel with their aircraft in the shader.
import type { CustomRenderMethodInput } from 'maplibre-gl'
import { MAP_COLORS } from '../../map/colors'
import type { Theme } from '../../prefs/preferences'
import { isGround, speedOf, type Frame } from '../../sky/codec'
import { CHARACTERS, drawGlyphs, layOut, type Glyphs } from './glyphs'
import { DrawnLayer, resetState, setColor, uploadTexture, type ShaderSource } from './program'
import fragment from './shaders/label.frag.glsl?raw'
import vertex from './shaders/label.vert.glsl?raw'
import motion from './shaders/motion.glsl?raw'
import { iconSize } from './zoomRules'

const SHADERS: ShaderSource = { name: 'label', vertex: `${motion}\n${vertex}`, fragment, withCommon: true }
const FLOATS = 8
const GAP = 3

export interface Label {
  row: number
  text: string
  /** Faint beside the selected aircraft. */
  alpha: number
}

export class LabelLayer extends DrawnLayer {
  readonly id = 'callsigns'
  theme: Theme = 'dark'
  private texture: WebGLTexture | null = null
  private buffer: WebGLBuffer | null = null
  private mesh: WebGLVertexArrayObject | null = null
  private glyphs: Glyphs | null = null
  private glyphRatio = 0
  private data: Float32Array<ArrayBuffer> = new Float32Array()
  private dirty = true
  private frame: Frame | null = null
  private labels: readonly Label[] = []

  constructor(private readonly now: () => number) {
    super()
  }

  protected build(gl: WebGL2RenderingContext) {
    this.texture = gl.createTexture()
    this.buffer = gl.createBuffer()
    this.mesh = gl.createVertexArray()
    this.glyphs = null
    this.dirty = true
  }

  setLabels(frame: Frame | null, labels: readonly Label[]) {
    if (labels.length === 0 && this.labels.length === 0) return
    this.frame = frame
    this.labels = labels
    this.dirty = true
    this.map?.triggerRepaint()
  }

  render(gl: WebGL2RenderingContext, input: CustomRenderMethodInput) {
    const { frame, map, programs } = this
    if (!frame || !map || this.labels.length === 0) return
    const canvas = gl.canvas as HTMLCanvasElement
    const ratio = canvas.width / canvas.clientWidth || 1
    const glyphs = this.glyphsFor(gl, ratio)
    if (!glyphs) return
    if (this.dirty) this.upload(gl, frame, glyphs, ratio)
    const program = programs.use(SHADERS, input)
    resetState(gl)
    gl.activeTexture(gl.TEXTURE0)
    gl.bindTexture(gl.TEXTURE_2D, this.texture)
    gl.uniform1i(program.uniform('u_glyphs'), 0)
    gl.uniform1f(program.uniform('u_elapsed'), Math.max(0, this.now() - frame.time))
    gl.uniform2f(program.uniform('u_viewport'), canvas.width, canvas.height)
    gl.uniform1f(program.uniform('u_center_x'), map.getCenter().lng / 360 + 0.5)
    gl.uniform2f(program.uniform('u_cell'), glyphs.cellWidth, glyphs.cellHeight)
    gl.uniform1f(program.uniform('u_cells'), CHARACTERS.length)
    setColor(gl, program, 'u_text', MAP_COLORS[this.theme].text)
    setColor(gl, program, 'u_text_halo', MAP_COLORS[this.theme].textHalo)
    gl.bindVertexArray(this.mesh)
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, this.data.length / FLOATS)
    gl.bindVertexArray(null)
  }

  private glyphsFor(gl: WebGL2RenderingContext, ratio: number): Glyphs | null {
    if (this.glyphs && this.glyphRatio === ratio) return this.glyphs
    this.glyphs = drawGlyphs(ratio)
    this.glyphRatio = ratio
    this.dirty = true
    if (this.glyphs && this.texture) {
      const { width, cellHeight: height, pixels } = this.glyphs
      uploadTexture(gl, this.texture, { internalFormat: gl.RG8, format: gl.RG, width, height, pixels })
    }
    return this.glyphs
  }

  private upload(gl: WebGL2RenderingContext, frame: Frame, glyphs: Glyphs, ratio: number) {
    const out: number[] = []
    const from = Math.round((iconSize(this.map?.getZoom() ?? 0) / 2 + GAP) * ratio)
    for (const { row, text, alpha } of this.labels) {
      const { cells, lefts } = layOut(text, glyphs, ratio)
      const speed = isGround(frame, row) ? 0 : speedOf(frame, row)
      const track = frame.track[row] * ((2 * Math.PI) / 65536)
      cells.forEach((cell, i) => {
        out.push(
          frame.lat[row] * 1e-7,
          frame.lon[row] * 1e-7,
          speed,
          track,
          frame.age[row] / 10,
          from + lefts[i],
          cell,
          alpha,
        )
      })
    }
    this.data = new Float32Array(out)
    gl.bindVertexArray(this.mesh)
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer)
    gl.bufferData(gl.ARRAY_BUFFER, this.data, gl.STREAM_DRAW)
    const point = (location: number, size: number, offset: number) => {
      gl.enableVertexAttribArray(location)
      gl.vertexAttribPointer(location, size, gl.FLOAT, false, FLOATS * 4, offset * 4)
      gl.vertexAttribDivisor(location, 1)
    }
    point(0, 2, 0)
    point(1, 3, 2)
    point(2, 3, 5)
    gl.bindVertexArray(null)
    this.dirty = false
  }
}
