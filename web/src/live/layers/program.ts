// Compiles shader pairs once per projection of the map and sets the uniforms that the map's prelude needs.
import type { CustomLayerInterface, CustomRenderMethodInput, Map as MapLibre } from 'maplibre-gl'
import { parseHex } from '../../theme/ramp'
import common from './shaders/common.glsl?raw'

export interface Program {
  program: WebGLProgram
  uniform(name: string): WebGLUniformLocation | null
}

export interface ShaderSource {
  name: string
  vertex: string
  fragment: string
  /** Without it the vertex shader gets only the map's own projection. */
  withCommon?: boolean
}

function compile(gl: WebGL2RenderingContext, type: number, source: string): WebGLShader {
  const shader = gl.createShader(type)
  if (!shader) throw new Error('No shader could be created: the graphics context is lost')
  gl.shaderSource(shader, source)
  gl.compileShader(shader)
  if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
    throw new Error(`Shader does not compile: ${gl.getShaderInfoLog(shader)}`)
  }
  return shader
}

function link(gl: WebGL2RenderingContext, vertex: string, fragment: string): Program {
  const program = gl.createProgram()
  if (!program) throw new Error('No program could be created: the graphics context is lost')
  gl.attachShader(program, compile(gl, gl.VERTEX_SHADER, vertex))
  gl.attachShader(program, compile(gl, gl.FRAGMENT_SHADER, fragment))
  gl.linkProgram(program)
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(`Shaders do not link: ${gl.getProgramInfoLog(program)}`)
  }
  const locations = new Map<string, WebGLUniformLocation | null>()
  return {
    program,
    uniform(name) {
      let location = locations.get(name)
      if (location === undefined) {
        location = gl.getUniformLocation(program, name)
        locations.set(name, location)
      }
      return location
    },
  }
}

/** Programs of one graphics context, by shader and projection variant. */
export class ProgramCache {
  private readonly programs = new Map<string, Program>()

  constructor(private readonly gl: WebGL2RenderingContext) {}

  /** The program, in use and with the projection set. */
  use(source: ShaderSource, input: CustomRenderMethodInput): Program {
    const { variantName, vertexShaderPrelude, define } = input.shaderData
    const key = `${source.name}/${variantName}`
    let program = this.programs.get(key)
    if (!program) {
      const head = `#version 300 es\n${vertexShaderPrelude}\n${define}\nprecision highp float;\nprecision highp int;\n`
      const vertex = `${head}${source.withCommon ? common : ''}\n${source.vertex}`
      program = link(this.gl, vertex, `#version 300 es\n${source.fragment}`)
      this.programs.set(key, program)
    }
    this.gl.useProgram(program.program)
    this.setProjection(program, input)
    return program
  }

  private setProjection(program: Program, { defaultProjectionData: data }: CustomRenderMethodInput) {
    const { gl } = this
    gl.uniformMatrix4fv(program.uniform('u_projection_matrix'), false, data.mainMatrix as Float32List)
    gl.uniformMatrix4fv(program.uniform('u_projection_fallback_matrix'), false, data.fallbackMatrix as Float32List)
    gl.uniform4fv(program.uniform('u_projection_tile_mercator_coords'), data.tileMercatorCoords)
    gl.uniform4fv(program.uniform('u_projection_clipping_plane'), data.clippingPlane)
    gl.uniform1f(program.uniform('u_projection_transition'), data.projectionTransition)
  }
}

/** A layer that draws by itself. What belongs to a graphics context is made in `onAdd`, anew when it was lost. */
export abstract class DrawnLayer implements CustomLayerInterface {
  abstract readonly id: string
  readonly type = 'custom'
  readonly renderingMode = '2d'
  protected map: MapLibre | null = null
  /** The map draws only what it has added. */
  protected programs!: ProgramCache

  onAdd(map: MapLibre, gl: WebGL2RenderingContext) {
    this.map = map
    this.programs = new ProgramCache(gl)
    this.build(gl)
  }

  protected abstract build(gl: WebGL2RenderingContext): void
  abstract render(gl: WebGL2RenderingContext, input: CustomRenderMethodInput): void
}

export function setColor(gl: WebGL2RenderingContext, program: Program, name: string, hex: string) {
  const [red, green, blue] = parseHex(hex)
  gl.uniform3f(program.uniform(name), red / 255, green / 255, blue / 255)
}

/** State that the map leaves behind and that our layers do not want. */
export function resetState(gl: WebGL2RenderingContext) {
  gl.disable(gl.DEPTH_TEST)
  gl.disable(gl.STENCIL_TEST)
  gl.disable(gl.CULL_FACE)
  gl.enable(gl.BLEND)
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA)
}

export interface TextureData {
  internalFormat: number
  format: number
  width: number
  height: number
  pixels: Uint8Array<ArrayBuffer>
}

export function uploadTexture(gl: WebGL2RenderingContext, texture: WebGLTexture, data: TextureData) {
  gl.bindTexture(gl.TEXTURE_2D, texture)
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1)
  gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false)
  gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false)
  gl.texImage2D(
    gl.TEXTURE_2D,
    0,
    data.internalFormat,
    data.width,
    data.height,
    0,
    data.format,
    gl.UNSIGNED_BYTE,
    data.pixels,
  )
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR)
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR)
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE)
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE)
}
