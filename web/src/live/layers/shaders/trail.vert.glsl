// One instance per piece of a trail, drawn as a thin quad between its two ends.
precision highp float;
precision highp int;

layout(location = 0) in vec4 a_from;  // latitude, longitude, metres, alpha
layout(location = 1) in vec4 a_to;

uniform vec2 u_viewport;
uniform float u_width;     // half the line, device pixels

out vec4 v_color;
out float v_side;          // device pixels from the middle of the line

void main() {
  vec2 from = mercator(clamp(a_from.x, -85.0, 85.0), a_from.y);
  vec2 to = mercator(clamp(a_to.x, -85.0, 85.0), a_to.y);
  from.x = nearest_copy(from.x, u_center_x);
  to.x = nearest_copy(to.x, from.x);
  vec4 from_clip = projectTile(from);
  vec4 to_clip = projectTile(to);
  float end = float(gl_VertexID >> 1);
  vec4 clip = mix(from_clip, to_clip, end);
  vec2 ahead = normalize((to_clip.xy / to_clip.w - from_clip.xy / from_clip.w) * u_viewport + vec2(1e-6));
  float reach = u_width + 0.75;
  v_side = (gl_VertexID & 1) == 0 ? -reach : reach;
  clip.xy += vec2(-ahead.y, ahead.x) * v_side / u_viewport * 2.0 * clip.w;
  gl_Position = clip;
  v_color = vec4(altitude_color(mix(a_from.z, a_to.z, end)), mix(a_from.w, a_to.w, end));
}
