// A mesh over the whole world; the sun is worked out per fragment, so the edge of the night is smooth at any zoom.
precision highp float;

layout(location = 0) in vec2 a_at;    // Web Mercator, 0 … 1

uniform float u_copy;                 // which copy of the world, −1, 0, 1

out vec2 v_at;

void main() {
  gl_Position = projectTile(a_at + vec2(u_copy, 0.0));
  v_at = a_at;
}
