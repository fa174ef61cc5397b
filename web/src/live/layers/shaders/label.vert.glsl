// One instance per character; moves with its aircraft by the same dead reckoning.
precision highp float;
precision highp int;

layout(location = 0) in vec2 a_position;  // latitude, longitude
layout(location = 1) in vec3 a_motion;    // m/s, radians, age in seconds at the frame's time
layout(location = 2) in vec3 a_glyph;     // device pixels from the aircraft to the glyph's left edge, cell, alpha

uniform float u_elapsed;
uniform vec2 u_viewport;
uniform vec2 u_cell;                      // device pixels
uniform float u_cells;

out vec2 v_uv;
out float v_alpha;

void main() {
  vec2 at = moved(a_position, a_motion.x, a_motion.y, a_motion.z + u_elapsed);
  vec2 point = mercator(at.x, at.y);
  point.x = nearest_copy(point.x, u_center_x);
  vec4 clip = projectTile(point);
  vec2 corner = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1));
  // Whole pixels, so that text stays sharp.
  vec2 screen = floor((clip.xy / clip.w * 0.5 + 0.5) * u_viewport) + vec2(a_glyph.x, -floor(u_cell.y * 0.5)) + corner * u_cell;
  gl_Position = vec4((screen / u_viewport * 2.0 - 1.0) * clip.w, clip.zw);
  v_uv = vec2((a_glyph.y + corner.x) / u_cells, 1.0 - corner.y);
  v_alpha = a_glyph.z;
}
