import type { CustomRenderMethodInput } from 'maplibre-gl'
import type { Theme } from '../../prefs/preferences'
import { MAP_COLORS } from '../../map/colors'
import { subsolarPoint } from '../../sky/motion'
import { parseHex } from '../../theme/ramp'
import { nightStrength } from './zoomRules'
import { DrawnLayer, resetState, type ShaderSource } from './program'
import fragment from './shaders/night.frag.glsl?raw'
import vertex from './shaders/night.vert.glsl?raw'

const SHADERS: ShaderSource = { name: 'night', vertex, fragment }
const COLUMNS = 72
const ROWS = 48

/** The dark side of the earth at the sky's own time. */
export class NightLayer extends DrawnLayer {
  readonly id = 'night'
  visible = true
  theme: Theme = 'dark'
  private mesh: WebGLVertexArrayObject | null = null

  constructor(private readonly now: () => number) {
    super()
  }

  protected build(gl: WebGL2RenderingContext) {
    this.mesh = gl.createVertexArray()
    gl.bindVertexArray(this.mesh)
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer())
    gl.bufferData(gl.ARRAY_BUFFER, worldMesh(), gl.STATIC_DRAW)
    gl.enableVertexAttribArray(0)
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0)
    gl.bindVertexArray(null)
  }

  render(gl: WebGL2RenderingContext, input: CustomRenderMethodInput) {
    if (!this.visible) return
    const program = this.programs.use(SHADERS, input)
    resetState(gl)
    const sun = subsolarPoint(this.now())
    const { night, nightAlpha } = MAP_COLORS[this.theme]
    const [red, green, blue] = parseHex(night)
    gl.uniform2f(program.uniform('u_sun'), sun.lon, sun.lat)
    gl.uniform4f(
      program.uniform('u_night'),
      red / 255,
      green / 255,
      blue / 255,
      nightAlpha * nightStrength(this.map?.getZoom() ?? 0),
    )
    gl.bindVertexArray(this.mesh)
    // A custom layer is drawn once, not once per copy of the world.
    const flat = input.defaultProjectionData.projectionTransition < 0.5
    for (const copy of flat ? [-1, 0, 1] : [0]) {
      gl.uniform1f(program.uniform('u_copy'), copy)
      gl.drawArrays(gl.TRIANGLES, 0, COLUMNS * ROWS * 6)
    }
    gl.bindVertexArray(null)
  }
}

function worldMesh(): Float32Array<ArrayBuffer> {
  const points: number[] = []
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column < COLUMNS; column++) {
      const [left, right] = [column / COLUMNS, (column + 1) / COLUMNS]
      const [top, bottom] = [row / ROWS, (row + 1) / ROWS]
      points.push(left, top, right, top, left, bottom, left, bottom, right, top, right, bottom)
    }
  }
  return new Float32Array(points)
}
