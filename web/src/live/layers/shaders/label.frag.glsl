precision highp float;

in vec2 v_uv;
in float v_alpha;
uniform sampler2D u_glyphs;   // red: letter, green: halo
uniform vec3 u_text;
uniform vec3 u_text_halo;
out vec4 o_color;

void main() {
  vec2 cover = texture(u_glyphs, v_uv).rg;
  float alpha = max(cover.r, cover.g * 0.85);
  o_color = vec4(mix(u_text_halo, u_text, cover.r / max(alpha, 1e-3)), 1.0) * alpha * v_alpha;
}
