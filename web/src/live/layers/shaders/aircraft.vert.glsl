// One instance per aircraft; every attribute is an integer straight out of the network frame.
precision highp float;
precision highp int;

layout(location = 0) in int a_lat;
layout(location = 1) in int a_lon;
layout(location = 2) in int a_alt;
layout(location = 3) in uint a_speed;
layout(location = 4) in uint a_track;
layout(location = 5) in uint a_age;
layout(location = 6) in uint a_flags;
layout(location = 7) in uint a_shown;

uniform float u_elapsed;   // seconds since the frame's time
uniform vec2 u_viewport;   // device pixels
uniform float u_ratio;     // device pixels per CSS pixel
uniform float u_size;      // half the icon, device pixels
uniform float u_near;      // 0 = world view (comets), 1 = silhouettes
uniform float u_pulse;     // 0 … 1, phase of the emergency ring
uniform int u_hovered;
uniform bool u_selected;   // this draw is the selected aircraft alone
uniform bool u_dimmed;     // another aircraft is selected
uniform vec3 u_ground;
uniform vec3 u_emergency;

out vec2 v_at;             // device pixels from the aircraft: across, ahead
out vec3 v_color;
out float v_alpha;
out float v_fill;          // 1 filled (measured), 0 hollow (estimated)
out float v_near;
out float v_half;          // half the icon, device pixels
out float v_tail;          // length of the comet's tail, device pixels
out float v_ring;          // radius of the emergency ring, 0 for none
flat out int v_shape;
flat out int v_strong;     // hovered or selected: halo and full alpha

const float MEASURED_UNTIL = 15.0;
const float ESTIMATED_UNTIL = 60.0;
const int ALTITUDE_UNKNOWN = -32768;
const uint AGE_OLDER = 65535u;

void main() {
  bool ground = (a_flags & 1u) != 0u;
  bool emergency = (a_flags & 16u) != 0u;
  bool suspect = (a_flags & 64u) != 0u;
  bool hovered = gl_InstanceID == u_hovered;
  bool strong = hovered || u_selected;
  bool shown = a_shown != 0u || u_selected;
  float age = float(a_age) * 0.1 + u_elapsed;
  v_shape = min(int((a_flags >> 1u) & 7u), 5);
  v_strong = u_selected ? 2 : hovered ? 1 : 0;

  // Gone: too old to say anything about where it is.
  if ((age > MAX_AGE && !u_selected) || a_age == AGE_OLDER) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    return;
  }

  float track = float(a_track) * (2.0 * PI / 65536.0);
  vec2 at = moved(vec2(float(a_lat), float(a_lon)) * 1e-7, ground ? 0.0 : float(a_speed) * 0.1, track, age);
  vec2 point = mercator(at.x, at.y);
  point.x = nearest_copy(point.x, u_center_x);
  vec4 clip = projectTile(point);

  // Heading on the screen from a second point a little ahead: right on the globe, with pitch and with bearing.
  vec4 ahead_clip = projectTile(point + vec2(sin(track), -cos(track)) * 4e-5);
  vec2 ahead = (ahead_clip.xy / ahead_clip.w - clip.xy / clip.w) * u_viewport;
  float length_ahead = length(ahead);
  ahead = length_ahead > 1e-6 ? ahead / length_ahead : vec2(0.0, 1.0);
  vec2 across = vec2(ahead.y, -ahead.x);

  float scale = v_shape == 1 ? 1.2 : v_shape >= 2 ? 0.84 : 1.0;
  v_half = u_size * scale * (ground ? 0.62 : 1.0) * (shown ? 1.0 : 0.7);
  if (u_selected) v_half = max(v_half * 1.3, 11.0 * u_ratio);
  else if (hovered) v_half = max(v_half * 1.25, 10.0 * u_ratio);
  else if (emergency) v_half = max(v_half, 8.0 * u_ratio);
  v_near = strong || emergency ? 1.0 : u_near;

  float fresh = suspect ? 0.0 : 1.0 - smoothstep(MEASURED_UNTIL, ESTIMATED_UNTIL, age);
  v_tail = ground || !shown ? 0.0 : (2.0 + float(a_speed) * 0.0034) * u_ratio * fresh;
  v_ring = emergency && shown ? (14.0 + 8.0 * u_pulse) * u_ratio : 0.0;

  // The quad covers the icon, the ring and (far away) the tail behind.
  float reach = max(v_half, v_ring + 3.0 * u_ratio);
  float behind = max(reach, v_near < 1.0 ? v_tail + 3.0 * u_ratio : 0.0);
  vec2 corner = vec2((gl_VertexID & 1) == 0 ? -1.0 : 1.0, (gl_VertexID >> 1) == 0 ? -1.0 : 1.0);
  v_at = vec2(corner.x * reach, corner.y < 0.0 ? -behind : reach);
  clip.xy += (across * v_at.x + ahead * v_at.y) / u_viewport * 2.0 * clip.w;
  gl_Position = clip;

  bool known = a_alt != ALTITUDE_UNKNOWN;
  v_color = emergency ? u_emergency : ground || !known ? u_ground : altitude_color(float(a_alt));
  v_fill = ground ? 0.75 : fresh;
  v_alpha = mix(0.3, 1.0, 1.0 - smoothstep(45.0, MAX_AGE, age));
  if (ground) v_alpha *= 0.8;
  if (u_dimmed && !strong) v_alpha *= 0.62;
  if (!shown) v_alpha = 0.1;
  if (strong) v_alpha = 1.0;
}
