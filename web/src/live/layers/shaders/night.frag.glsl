precision highp float;

in vec2 v_at;
uniform vec2 u_sun;        // subsolar longitude, latitude, radians
uniform vec4 u_night;      // colour and greatest alpha
out vec4 o_color;

const float PI_ = 3.14159265359;

void main() {
  float lat = 2.0 * atan(exp(PI_ * (1.0 - 2.0 * v_at.y))) - PI_ * 0.5;
  float lon = (v_at.x - 0.5) * 2.0 * PI_;
  float sine = sin(lat) * sin(u_sun.y) + cos(lat) * cos(u_sun.y) * cos(lon - u_sun.x);
  float elevation = degrees(asin(clamp(sine, -1.0, 1.0)));
  // From the sun just above the horizon to the end of astronomical twilight.
  float alpha = u_night.a * (1.0 - smoothstep(-18.0, 2.0, elevation));
  o_color = vec4(u_night.rgb * alpha, alpha);
}
