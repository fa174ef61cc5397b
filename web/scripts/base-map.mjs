// Cuts the base map out of world-atlas (Natural Earth) and writes it to public/base: land, coast, borders at two
// resolutions, country labels, airports. Runs before every build; skips when the output is newer than its inputs.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { geoArea, geoEquirectangular, geoStream } from 'd3-geo'
import { feature, mesh } from 'topojson-client'

const path = relative => fileURLToPath(new URL(relative, import.meta.url))
const OUT = path('../public/base')
const AIRPORT_TABLE = path('../../crates/contrail-source/data/airports.csv')
const OWN_AIRPORTS = path('./airports.json')
const RESOLUTIONS = [
  { name: '50m', decimals: 2 },
  { name: '10m', decimals: 3 },
]

// The source is stitched on the sphere: Russia, Fiji and Antarctica cross 180° uncut, which planar renderers draw as
// bars across the map. Streaming it through a plate carrée projection cuts it there.
const plate = geoEquirectangular()
  .scale(180 / Math.PI)
  .translate([0, 0])
  .precision(0)

function cut(geometry) {
  const lines = []
  let line = null
  geoStream(
    geometry,
    plate.stream({
      point: (x, y) => line.push([x, -y]),
      lineStart: () => (line = []),
      lineEnd: () => lines.push(line),
      polygonStart() {},
      polygonEnd() {},
      sphere() {},
    }),
  )
  return lines
}

function rounded(line, decimals) {
  const factor = 10 ** decimals
  const out = []
  for (const [x, y] of line) {
    const point = [Math.round(x * factor) / factor, Math.round(y * factor) / factor]
    const last = out.at(-1)
    if (!last || last[0] !== point[0] || last[1] !== point[1]) out.push(point)
  }
  return out
}

const closed = ring => {
  const first = ring[0]
  const last = ring.at(-1)
  return first[0] === last[0] && first[1] === last[1] ? ring : [...ring, first]
}

function signedArea(ring) {
  let area = 0
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++)
    area += ring[j][0] * ring[i][1] - ring[i][0] * ring[j][1]
  return area / 2
}

const polygonsOf = geometry => (geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates)

/** Ray casting in the plane, which is what the cut rings are for. */
function contains(ring, [x, y]) {
  let inside = false
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [xi, yi] = ring[i]
    const [xj, yj] = ring[j]
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside
  }
  return inside
}

/** One polygon of the source as one or (cut at 180°) several. The largest ring tells which way round outlines run. */
function cutPolygon(coordinates, decimals) {
  // A few tiny islands are wound the wrong way round, which on a sphere means everything but the island.
  const wound =
    geoArea({ type: 'Polygon', coordinates }) > 2 * Math.PI ? coordinates.map(ring => ring.toReversed()) : coordinates
  const rings = cut({ type: 'Polygon', coordinates: wound })
    .map(ring => rounded(ring, decimals))
    .filter(ring => ring.length > 2)
    .map(closed)
  if (rings.length === 0) return []
  const largest = rings.reduce((best, ring) => (Math.abs(signedArea(ring)) > Math.abs(signedArea(best)) ? ring : best))
  const sign = Math.sign(signedArea(largest))
  const outlines = rings.filter(ring => Math.sign(signedArea(ring)) === sign).map(outline => [outline])
  for (const hole of rings.filter(ring => Math.sign(signedArea(ring)) === -sign)) {
    outlines.find(([outline]) => contains(outline, hole[0]))?.push(hole)
  }
  return outlines
}

const collection = features => ({ type: 'FeatureCollection', features })
const geometryFeature = (type, coordinates, properties = {}) => ({
  type: 'Feature',
  properties,
  geometry: { type, coordinates },
})

function write(file, data) {
  writeFileSync(`${OUT}/${file}.json`, JSON.stringify(data))
}

function writeResolution({ name, decimals }, atlas) {
  const polygons = feature(atlas, atlas.objects.land).features.flatMap(({ geometry }) =>
    polygonsOf(geometry).flatMap(coordinates => cutPolygon(coordinates, decimals)),
  )
  const lines = filter =>
    cut(mesh(atlas, atlas.objects.countries, filter))
      .map(line => rounded(line, decimals))
      .filter(line => line.length > 1)
  write(`land-${name}`, collection(polygons.map(coordinates => geometryFeature('Polygon', coordinates))))
  // Drawn from shared arcs, not from outlines: else the cut at 180° would show as a coast.
  write(
    `coast-${name}`,
    geometryFeature(
      'MultiLineString',
      lines((a, b) => a === b),
    ),
  )
  write(
    `borders-${name}`,
    geometryFeature(
      'MultiLineString',
      lines((a, b) => a !== b),
    ),
  )
}

// Where the centre of the largest polygon is a bad place for the name.
const LABEL_AT = {
  'United States of America': [-98.5, 39.2],
  Canada: [-106, 57.5],
  Russia: [97, 63],
  France: [2.4, 46.6],
  Norway: [9.2, 61.2],
  China: [103.5, 35.2],
  Brazil: [-52.5, -10.5],
  Australia: [134, -25],
  Indonesia: [114.5, -1.2],
  Chile: [-70.8, -31],
  Vietnam: [105.9, 20.6],
  Japan: [138.2, 36.4],
  Italy: [12.3, 43.2],
  Croatia: [16.2, 45.6],
  'New Zealand': [171.4, -43.4],
  'United Kingdom': [-1.7, 52.9],
}
const LABEL_NAME = {
  'United States of America': 'United States',
  'Dem. Rep. Congo': 'DR Congo',
  'Central African Rep.': 'Central African Republic',
  'Dominican Rep.': 'Dominican Republic',
  'Bosnia and Herz.': 'Bosnia & Herzegovina',
  'Eq. Guinea': 'Equatorial Guinea',
  'S. Sudan': 'South Sudan',
  'Solomon Is.': 'Solomon Islands',
  'W. Sahara': 'Western Sahara',
}

function centerOf(ring) {
  // Unwrapped first, else the middle of Fiji is in the Atlantic.
  const start = ring[0][0]
  const flat = ring.map(([x, y]) => [x - 360 * Math.round((x - start) / 360), y])
  let area = 0
  let x = 0
  let y = 0
  for (let i = 0, j = flat.length - 1; i < flat.length; j = i++) {
    const cross = flat[j][0] * flat[i][1] - flat[i][0] * flat[j][1]
    area += cross
    x += (flat[j][0] + flat[i][0]) * cross
    y += (flat[j][1] + flat[i][1]) * cross
  }
  return { area: Math.abs(area / 2), center: [x / (3 * area), y / (3 * area)] }
}

function writeLabels(atlas) {
  const labels = feature(atlas, atlas.objects.countries)
    .features.filter(country => country.properties.name !== 'Antarctica')
    .map(country => {
      const parts = polygonsOf(country.geometry).map(([outline]) => centerOf(outline))
      const largest = parts.reduce((best, part) => (part.area > best.area ? part : best))
      const name = country.properties.name
      const area = parts.reduce((sum, part) => sum + part.area, 0)
      const at = (LABEL_AT[name] ?? largest.center).map(degrees => Math.round(degrees * 100) / 100)
      return geometryFeature('Point', at, { name: LABEL_NAME[name] ?? name, area: Math.round(area * 100) / 100 })
    })
  write('labels', collection(labels))
}

/** Rows of a small CSV with a header line; quotes are honoured. */
function parseCsv(text) {
  const [header, ...lines] = text.split(/\r?\n/).filter(line => line && !line.startsWith('#'))
  const split = line =>
    [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(([, cell]) =>
      cell.replace(/^"|"$/g, '').replaceAll('""', '"'),
    )
  const names = split(header).map(name => name.trim().toLowerCase())
  return lines.map(line => Object.fromEntries(split(line).map((cell, i) => [names[i], cell])))
}

/** Airports by importance; `rank` 5 (the great hubs) to 2, which is what decides from which zoom on they are drawn. */
function readAirports() {
  if (!existsSync(AIRPORT_TABLE)) {
    const own = JSON.parse(readFileSync(OWN_AIRPORTS, 'utf8'))
    return ranked(own.map(([iata, name, lat, lon, weight]) => ({ iata, name, lat, lon, weight })))
  }
  const rows = parseCsv(readFileSync(AIRPORT_TABLE, 'utf8')).map(row => ({
    iata: row.iata,
    name: row.city || row.name,
    lat: Number(row.lat),
    lon: Number(row.lon),
    weight: Number(row.weight) || 0,
  }))
  return ranked(rows.filter(({ iata, lat, lon }) => iata && Number.isFinite(lat) && Number.isFinite(lon)))
}

const ranked = airports =>
  airports
    .toSorted((a, b) => b.weight - a.weight)
    .map((airport, i) => ({ ...airport, rank: i < 70 ? 5 : i < 220 ? 4 : i < 480 ? 3 : 2 }))

function writeAirports() {
  const airports = readAirports()
  write(
    'airports',
    collection(
      airports.map(({ iata, name, lat, lon, rank }) => geometryFeature('Point', [lon, lat], { iata, name, rank })),
    ),
  )
  console.log(`base map: ${airports.length} airports`)
}

function upToDate() {
  const done = `${OUT}/airports.json`
  if (!existsSync(done)) return false
  const built = statSync(done).mtimeMs
  const inputs = [fileURLToPath(import.meta.url), OWN_AIRPORTS, AIRPORT_TABLE].filter(existsSync)
  return inputs.every(input => statSync(input).mtimeMs < built)
}

if (!upToDate()) {
  mkdirSync(OUT, { recursive: true })
  for (const resolution of RESOLUTIONS) {
    const source = new URL(import.meta.resolve(`world-atlas/countries-${resolution.name}.json`))
    const atlas = JSON.parse(readFileSync(source, 'utf8'))
    writeResolution(resolution, atlas)
    if (resolution.name === '50m') writeLabels(atlas)
  }
  writeAirports()
}
