// Aircraft and their trails in one custom layer of the map. The network frame is uploaded once and as it is; moving,
// fading and turning hollow happen in the shader, so a repaint costs one uniform.
import type { CustomRenderMethodInput } from 'maplibre-gl'
import { MAP_COLORS } from '../../map/colors'
import type { Theme } from '../../prefs/preferences'
import type { Frame } from '../../sky/codec'
import { ALTITUDE_MAX, altitudeRgb } from '../../theme/ramp'
import { silhouetteAtlas } from './distanceField'
import { DrawnLayer, resetState, setColor, uploadTexture, type Program, type ShaderSource } from './program'
import { SILHOUETTES } from './silhouettes'
import aircraftFragment from './shaders/aircraft.frag.glsl?raw'
import aircraftVertex from './shaders/aircraft.vert.glsl?raw'
import motion from './shaders/motion.glsl?raw'
import trailFragment from './shaders/trail.frag.glsl?raw'
import trailVertex from './shaders/trail.vert.glsl?raw'
import { cometRadius, iconSize, nearness } from './zoomRules'

const AIRCRAFT: ShaderSource = {
  name: 'aircraft',
  vertex: `${motion}\n${aircraftVertex}`,
  fragment: aircraftFragment,
  withCommon: true,
}
const TRAIL: ShaderSource = { name: 'trail', vertex: trailVertex, fragment: trailFragment, withCommon: true }

const RAMP_TEXELS = 256
/** Floats of one piece of a trail: two ends of latitude, longitude, metres, alpha. */
export const TRAIL_FLOATS = 8
const TRAIL_HALF_WIDTH = 0.62
const SELECTED_TRAIL_HALF_WIDTH = 1.1

/** What belongs to one graphics context; made anew when the context was lost. */
interface Resources {
  gl: WebGL2RenderingContext
  atlas: WebGLTexture
  ramp: WebGLTexture
  frameBuffer: WebGLBuffer
  shownBuffer: WebGLBuffer
  all: WebGLVertexArrayObject
  one: WebGLVertexArrayObject
  trailBuffer: WebGLBuffer
  trails: WebGLVertexArrayObject
}

export class SkyLayer extends DrawnLayer {
  readonly id = 'sky'

  private resources: Resources | null = null
  private frame: Frame | null = null
  private shown: Uint8Array<ArrayBuffer> = new Uint8Array()
  private trails: Float32Array<ArrayBuffer> = new Float32Array()
  private selectedFrom = 0
  private theme: Theme = 'dark'
  private dirty = { frame: true, shown: true, trails: true, ramp: true }

  /** Row of the selected and of the hovered aircraft in the frame, or −1. */
  selected = -1
  hovered = -1
  /** Emergency rings pulse unless motion is unwelcome. */
  pulsing = true

  constructor(private readonly now: () => number) {
    super()
  }

  protected build(gl: WebGL2RenderingContext) {
    const buffer = () => gl.createBuffer() as WebGLBuffer
    const vertexArray = () => gl.createVertexArray() as WebGLVertexArrayObject
    const texture = () => gl.createTexture() as WebGLTexture
    this.resources = {
      gl,
      atlas: texture(),
      ramp: texture(),
      frameBuffer: buffer(),
      shownBuffer: buffer(),
      all: vertexArray(),
      one: vertexArray(),
      trailBuffer: buffer(),
      trails: vertexArray(),
    }
    uploadTexture(gl, this.resources.atlas, { ...silhouetteAtlas(), internalFormat: gl.R8, format: gl.RED })
    this.dirty = { frame: true, shown: true, trails: true, ramp: true }
  }

  onRemove() {
    this.resources = null
  }

  setFrame(frame: Frame | null, shown: Uint8Array<ArrayBuffer>) {
    this.frame = frame
    this.shown = shown
    this.dirty.frame = true
    this.dirty.shown = true
    this.map?.triggerRepaint()
  }

  /** Which rows the filter leaves: 1 shown, 0 faint. */
  setShown(shown: Uint8Array<ArrayBuffer>) {
    this.shown = shown
    this.dirty.shown = true
    this.map?.triggerRepaint()
  }

  /** Pieces of trails; from `selectedFrom` (a piece) on they belong to the selected aircraft and are drawn stronger. */
  setTrails(trails: Float32Array<ArrayBuffer>, selectedFrom: number) {
    this.trails = trails
    this.selectedFrom = selectedFrom
    this.dirty.trails = true
    this.map?.triggerRepaint()
  }

  setTheme(theme: Theme) {
    this.theme = theme
    this.dirty.ramp = true
    this.map?.triggerRepaint()
  }

  render(gl: WebGL2RenderingContext, input: CustomRenderMethodInput) {
    if (!this.resources || !this.map) return
    this.upload(this.resources)
    resetState(gl)
    this.drawTrails(this.resources, input)
    this.drawAircraft(this.resources, input)
    gl.bindVertexArray(null)
  }

  private ratio(gl: WebGL2RenderingContext) {
    const canvas = gl.canvas as HTMLCanvasElement
    return canvas.width / canvas.clientWidth || 1
  }

  private drawTrails({ gl, ramp, trails }: Resources, input: CustomRenderMethodInput) {
    const pieces = this.trails.length / TRAIL_FLOATS
    if (pieces === 0) return
    const program = this.programs.use(TRAIL, input)
    this.setCommon(gl, program, ramp)
    gl.bindVertexArray(trails)
    const draw = (from: number, to: number, halfWidth: number) => {
      if (to <= from) return
      this.pointTrails(gl, from)
      gl.uniform1f(program.uniform('u_width'), halfWidth * this.ratio(gl))
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, to - from)
    }
    draw(0, this.selectedFrom, TRAIL_HALF_WIDTH)
    draw(this.selectedFrom, pieces, SELECTED_TRAIL_HALF_WIDTH)
  }

  private drawAircraft({ gl, ramp, atlas, all, one }: Resources, input: CustomRenderMethodInput) {
    const { frame, map } = this
    if (!frame || !map || frame.n === 0) return
    const program = this.programs.use(AIRCRAFT, input)
    this.setCommon(gl, program, ramp)
    gl.activeTexture(gl.TEXTURE0)
    gl.bindTexture(gl.TEXTURE_2D, atlas)
    gl.uniform1i(program.uniform('u_atlas'), 0)
    gl.uniform1f(program.uniform('u_atlas_cells'), SILHOUETTES.length)
    const now = this.now()
    const ratio = this.ratio(gl)
    gl.uniform1f(program.uniform('u_elapsed'), Math.max(0, now - frame.time))
    gl.uniform1f(program.uniform('u_ratio'), ratio)
    gl.uniform1f(program.uniform('u_size'), (iconSize(map.getZoom()) / 2) * ratio)
    gl.uniform1f(program.uniform('u_comet'), cometRadius(map.getZoom()))
    gl.uniform1f(program.uniform('u_near'), nearness(map.getZoom()))
    gl.uniform1f(program.uniform('u_pulse'), this.pulsing ? 0.5 - 0.5 * Math.cos(now * 3.4) : 0)
    gl.uniform1i(program.uniform('u_hovered'), this.hovered)
    gl.uniform1i(program.uniform('u_selected'), 0)
    gl.uniform1i(program.uniform('u_dimmed'), this.selected >= 0 ? 1 : 0)
    gl.uniform1f(program.uniform('u_halo_alpha'), this.theme === 'dark' ? 0.8 : 0.75)
    setColor(gl, program, 'u_halo', MAP_COLORS[this.theme].ocean)
    setColor(gl, program, 'u_ground', MAP_COLORS[this.theme].ground)
    setColor(gl, program, 'u_emergency', MAP_COLORS[this.theme].emergency)
    gl.bindVertexArray(all)
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, frame.n)
    if (this.selected < 0 || this.selected >= frame.n) return
    // Once more on top of its neighbours.
    gl.bindVertexArray(one)
    this.pointFrame(gl, frame, this.selected)
    gl.uniform1i(program.uniform('u_hovered'), -1)
    gl.uniform1i(program.uniform('u_selected'), 1)
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, 1)
  }

  private setCommon(gl: WebGL2RenderingContext, program: Program, ramp: WebGLTexture) {
    const canvas = gl.canvas as HTMLCanvasElement
    gl.activeTexture(gl.TEXTURE1)
    gl.bindTexture(gl.TEXTURE_2D, ramp)
    gl.uniform1i(program.uniform('u_ramp'), 1)
    gl.uniform1f(program.uniform('u_altitude_max'), ALTITUDE_MAX)
    gl.uniform2f(program.uniform('u_viewport'), canvas.width, canvas.height)
    gl.uniform1f(program.uniform('u_center_x'), (this.map?.getCenter().lng ?? 0) / 360 + 0.5)
  }

  private upload(resources: Resources) {
    const { gl, frameBuffer, shownBuffer, trailBuffer, all, trails } = resources
    const { dirty, frame } = this
    if (dirty.ramp) {
      uploadTexture(gl, resources.ramp, rampTexture(gl, this.theme))
      dirty.ramp = false
    }
    if (dirty.frame && frame) {
      gl.bindBuffer(gl.ARRAY_BUFFER, frameBuffer)
      gl.bufferData(gl.ARRAY_BUFFER, frame.buffer, gl.STREAM_DRAW)
      gl.bindVertexArray(all)
      this.pointFrame(gl, frame, 0)
      dirty.frame = false
    }
    if (dirty.shown && frame) {
      gl.bindBuffer(gl.ARRAY_BUFFER, shownBuffer)
      gl.bufferData(gl.ARRAY_BUFFER, this.shown, gl.STREAM_DRAW)
      dirty.shown = false
    }
    if (dirty.trails) {
      gl.bindVertexArray(trails)
      gl.bindBuffer(gl.ARRAY_BUFFER, trailBuffer)
      gl.bufferData(gl.ARRAY_BUFFER, this.trails, gl.STREAM_DRAW)
      dirty.trails = false
    }
    gl.bindVertexArray(null)
  }

  /** Points the bound vertex array at the columns of the frame, beginning at `row`. */
  private pointFrame(gl: WebGL2RenderingContext, frame: Frame, row: number) {
    const { frameBuffer, shownBuffer } = this.resources as Resources
    const { offsets } = frame
    const point = (location: number, type: number, offset: number) => {
      gl.enableVertexAttribArray(location)
      gl.vertexAttribIPointer(location, 1, type, 0, offset)
      gl.vertexAttribDivisor(location, 1)
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, frameBuffer)
    point(0, gl.INT, offsets.lat + 4 * row)
    point(1, gl.INT, offsets.lon + 4 * row)
    point(2, gl.SHORT, offsets.alt + 2 * row)
    point(3, gl.UNSIGNED_SHORT, offsets.speed + 2 * row)
    point(4, gl.UNSIGNED_SHORT, offsets.track + 2 * row)
    point(5, gl.UNSIGNED_SHORT, offsets.age + 2 * row)
    point(6, gl.UNSIGNED_BYTE, offsets.flags + row)
    gl.bindBuffer(gl.ARRAY_BUFFER, shownBuffer)
    point(7, gl.UNSIGNED_BYTE, row)
  }

  private pointTrails(gl: WebGL2RenderingContext, piece: number) {
    const { trailBuffer } = this.resources as Resources
    const stride = TRAIL_FLOATS * 4
    gl.bindBuffer(gl.ARRAY_BUFFER, trailBuffer)
    for (const location of [0, 1]) {
      gl.enableVertexAttribArray(location)
      gl.vertexAttribPointer(location, 4, gl.FLOAT, false, stride, piece * stride + location * 16)
      gl.vertexAttribDivisor(location, 1)
    }
  }
}

function rampTexture(gl: WebGL2RenderingContext, theme: Theme) {
  const pixels = new Uint8Array(RAMP_TEXELS * 4)
  for (let i = 0; i < RAMP_TEXELS; i++) {
    pixels.set([...altitudeRgb((i / (RAMP_TEXELS - 1)) * ALTITUDE_MAX, theme), 255], i * 4)
  }
  return { internalFormat: gl.RGBA, format: gl.RGBA, width: RAMP_TEXELS, height: 1, pixels }
}
