// Near: a silhouette out of a signed distance field, filled or hollow. Far: a dot with a tail, like a contrail.
precision highp float;
precision highp int;

in vec2 v_at;
in vec3 v_color;
in float v_alpha;
in float v_fill;
in float v_near;
in float v_half;
in float v_tail;
in float v_ring;
flat in int v_shape;
flat in int v_strong;

uniform sampler2D u_atlas;
uniform float u_atlas_cells;
uniform vec3 u_halo;
uniform float u_halo_alpha;
uniform float u_ratio;
uniform float u_comet;     // radius of a comet's head, CSS pixels

out vec4 o_color;

const float CELL = 64.0;

// Coverage of body and halo of the silhouette at this fragment: (fill, halo).
vec2 silhouette() {
  vec2 unit = clamp(v_at / v_half, -1.0, 1.0) * 0.5 + 0.5;
  vec2 uv = vec2((unit.x * (CELL - 2.0) + 1.0 + float(v_shape) * CELL) / (CELL * u_atlas_cells),
                 ((CELL - 2.0) * (1.0 - unit.y) + 1.0) / CELL);
  float pixel = CELL / (v_half * 2.0);                                 // atlas pixels per device pixel
  float inside = (texture(u_atlas, uv).r * 255.0 - 191.0) / 19.1;      // atlas pixels, positive inside
  float soft = pixel * 0.75;
  inside += 0.6 * clamp(pixel - 2.6, 0.0, 3.0);                        // bolder when tiny
  float body = smoothstep(-soft, soft, inside);
  float core = smoothstep(-soft, soft, inside - pixel * 1.15 * u_ratio);
  float fill = mix(body * (1.0 - core) + core * 0.12, body, v_fill);
  float halo = v_strong == 2 ? smoothstep(-soft, soft, inside + pixel * 1.3 * u_ratio)
                             : smoothstep(-soft - pixel * 1.1, soft - pixel * 0.4, inside + pixel * 0.4) * u_halo_alpha;
  return vec2(fill, halo);
}

float comet() {
  float radius = u_comet * u_ratio;
  float head = 1.0 - smoothstep(radius - 0.5, radius + 0.7, length(v_at));
  float along = clamp(-v_at.y / max(v_tail, 1e-3), 0.0, 1.0);          // 0 at the head, 1 at the end of the tail
  float width = mix(radius * 0.85, 0.35, along);
  float tail = v_at.y < 0.0 && v_tail > 0.0 && -v_at.y < v_tail
    ? (1.0 - smoothstep(width - 0.5, width + 0.6, abs(v_at.x))) * (1.0 - along) * (1.0 - along) * 0.75
    : 0.0;
  return max(head * mix(0.6, 1.0, v_fill), tail);
}

void main() {
  vec4 color = vec4(0.0);
  if (v_near > 0.0 && max(abs(v_at.x), abs(v_at.y)) <= v_half) {
    vec2 cover = silhouette();
    color = (vec4(v_color, 1.0) * cover.x + vec4(u_halo, 1.0) * cover.y * (1.0 - cover.x)) * v_near;
  }
  if (v_near < 1.0) {
    float cover = comet() * (1.0 - v_near);
    color = vec4(v_color, 1.0) * cover + color * (1.0 - cover);
  }
  if (v_ring > 0.0) {
    float stroke = 1.0 - smoothstep(0.6 * u_ratio, 1.3 * u_ratio, abs(length(v_at) - v_ring));
    float cover = stroke * (1.0 - 0.6 * (v_ring / u_ratio - 14.0) / 8.0);
    color = vec4(v_color, 1.0) * cover + color * (1.0 - cover);
  }
  o_color = color * v_alpha;
  if (o_color.a < 0.004) discard;
}
