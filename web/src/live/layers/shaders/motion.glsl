// Dead reckoning; the same rules as src/sky/motion.ts.
const float EARTH_RADIUS = 6371000.0;
const float MAX_AGE = 300.0;

// Latitude and longitude in degrees after flying `age` seconds along `track` (radians).
vec2 moved(vec2 position, float speed, float track, float age) {
  float travelled = degrees(speed * min(age, MAX_AGE) / EARTH_RADIUS);
  float north = travelled * cos(track);
  float middle = radians(position.x + north * 0.5);
  return vec2(clamp(position.x + north, -85.0, 85.0), position.y + travelled * sin(track) / max(0.02, cos(middle)));
}
