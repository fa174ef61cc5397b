// Shared by all vertex shaders: Web Mercator, and the altitude ramp. PI comes from the map's own prelude.
uniform sampler2D u_ramp;
uniform float u_altitude_max;
uniform float u_center_x;

vec2 mercator(float lat, float lon) {
  return vec2(lon / 360.0 + 0.5, 0.5 - log(tan(PI * 0.25 + lat * PI / 360.0)) / (2.0 * PI));
}

// The copy of the world that is nearest to the centre of the map.
float nearest_copy(float x, float around) {
  return around + fract(x - around + 0.5) - 0.5;
}

vec3 altitude_color(float metres) {
  return texture(u_ramp, vec2(clamp(metres / u_altitude_max, 0.0, 1.0) * 0.99609375 + 0.001953125, 0.5)).rgb;
}
