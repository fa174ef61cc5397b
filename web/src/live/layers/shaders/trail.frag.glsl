precision highp float;

in vec4 v_color;
in float v_side;
uniform float u_width;
out vec4 o_color;

void main() {
  float alpha = v_color.a * (1.0 - smoothstep(u_width - 0.5, u_width + 0.75, abs(v_side)));
  o_color = vec4(v_color.rgb * alpha, alpha);
}
