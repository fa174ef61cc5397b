// One instance per cell of the density grid, drawn as a rectangle of the map.
precision highp float;

layout(location = 0) in vec4 a_box;    // west, north, east, south in Web Mercator, 0 … 1
layout(location = 1) in vec4 a_color;

uniform float u_copy;                  // which copy of the world, −1, 0, 1

out vec4 v_color;

void main() {
  vec2 at = vec2((gl_VertexID & 1) == 0 ? a_box.x : a_box.z, (gl_VertexID & 2) == 0 ? a_box.y : a_box.w);
  gl_Position = projectTile(at + vec2(u_copy, 0.0));
  v_color = a_color;
}
