// Made-up answers for the Explore page, with the shapes of the real interface and filters that visibly act.
const COUNTRIES = [
  ['US', 'United States', 4218],
  ['CN', 'China', 1986],
  ['GB', 'United Kingdom', 902],
  ['DE', 'Germany', 781],
  ['IE', 'Ireland', 655],
  ['IN', 'India', 612],
  ['TR', 'Türkiye', 588],
  ['JP', 'Japan', 541],
  ['BR', 'Brazil', 498],
  ['AE', 'United Arab Emirates', 463],
  ['FR', 'France', 441],
  ['ES', 'Spain', 402],
  ['CA', 'Canada', 390],
  ['AU', 'Australia', 331],
]
const AIRLINES = [
  ['SWA', 'Southwest', 612],
  ['AAL', 'American Airlines', 588],
  ['DAL', 'Delta Air Lines', 571],
  ['RYR', 'Ryanair', 498],
  ['UAL', 'United Airlines', 486],
  ['CSN', 'China Southern', 402],
  ['IGO', 'IndiGo', 377],
  ['THY', 'Turkish Airlines', 341],
  ['EZY', 'easyJet', 288],
  ['UAE', 'Emirates', 211],
  ['DLH', 'Lufthansa', 207],
  ['BAW', 'British Airways', 190],
]
const BAND = 1000

const HOUR = 3_600_000
const iso = ms => new Date(ms).toISOString()
const daily = hour => 0.55 + 0.45 * Math.sin(((hour - 9) / 24) * 2 * Math.PI)

export const exploreRange = () => {
  const last = Math.floor(Date.now() / HOUR) * HOUR
  return { first: iso(last - 24 * HOUR * 8), last: iso(last) }
}

const list = (query, name) => (query.get(name) ?? '').split(',').filter(Boolean)

function filters(query) {
  return Object.fromEntries(
    ['country', 'airline', 'band', 'phase', 'hour', 'dow'].map(name => [name, list(query, name)]),
  )
}

/** How much of the sky a filter leaves; `without` names the dimension that a figure must not obey. */
function share(filter, without) {
  let rest = 1
  for (const [name, values] of Object.entries(filter)) {
    if (name === without || values.length === 0) continue
    const all = { country: 24, airline: 30, band: 15, phase: 4, hour: 24, dow: 7 }[name]
    rest *= Math.min(1, values.length / all + 0.05)
  }
  return rest
}

export function exploreAnswer(query) {
  const now = Math.floor(Date.now() / HOUR) * HOUR
  const from = Date.parse(query.get('from') ?? iso(now - 24 * HOUR))
  const to = Date.parse(query.get('to') ?? iso(now + HOUR))
  const filter = filters(query)
  const all = share(filter)
  const series = []
  for (let hour = Math.floor(from / HOUR) * HOUR; hour < to; hour += HOUR) {
    if ((hour / HOUR) % 29 === 11) continue
    const utc = new Date(hour).getUTCHours()
    const aircraft = Math.round(14_300 * daily(utc) * all)
    series.push({ hour: iso(hour), aircraft, observations: aircraft * 310 })
  }
  const observations = series.reduce((sum, point) => sum + point.observations, 0)
  const ranked = (rows, name) =>
    rows.map(([id, label, aircraft], i) => {
      const count = Math.round(aircraft * share(filter, name))
      return {
        code: id,
        name: label,
        aircraft: count,
        observations: count * 900,
        previous: Math.round(count * (0.97 + (i % 5) * 0.015)),
      }
    })
  return {
    from: iso(from),
    to: iso(to),
    filters: filter,
    kpis: {
      aircraft: Math.round(21_480 * all),
      observations,
      countries: 141,
      airlines: 612,
      median_altitude_m: 9450,
      airborne_now: Math.round(10_914 * all),
      data_age_s: 3,
      landed_at: iso(Date.now() - 3000),
    },
    previous: {
      aircraft: Math.round(21_000 * all),
      observations: Math.round(observations * 0.98),
      countries: 139,
      airlines: 607,
      median_altitude_m: 9500,
    },
    series,
    countries: ranked(COUNTRIES, 'country'),
    airlines: ranked(AIRLINES, 'airline'),
    // 0 is the ground, the last is open upwards, -1 is unknown.
    bands: [...Array(15).keys(), -1].map(band => ({
      band,
      from_m: band > 0 ? (band - 1) * BAND : null,
      to_m: band > 0 && band < 14 ? band * BAND : null,
      observations: Math.round(
        band < 0
          ? 0
          : (4e5 * Math.exp(-(((band - 11.5) / 1.9) ** 2)) + 9e4 * Math.exp(-band / 3)) * share(filter, 'band'),
      ),
    })),
    hours: Array.from({ length: 168 }, (_, i) => ({
      dow: Math.floor(i / 24) + 1,
      hour: i % 24,
      aircraft: Math.round(14_300 * daily(i % 24) * (Math.floor(i / 24) > 4 ? 0.9 : 1) * share(filter, 'hour')),
    })),
    took_ms: 42,
  }
}

export function exploreDensity(query) {
  const cell = 1
  const rest = share(filters(query))
  const cells = []
  const centers = [
    [50, 8, 9],
    [40, -95, 12],
    [33, 112, 10],
    [22, 78, 7],
    [25, 52, 5],
    [-23, -47, 5],
    [36, 138, 4],
    [-33, 150, 4],
    [3, 103, 6],
  ]
  for (let lat = -60; lat < 75; lat += cell) {
    for (let lon = -180; lon < 180; lon += cell) {
      let density = 0
      for (const [y, x, size] of centers)
        density += 1400 * Math.exp(-((lat - y) ** 2 + ((lon - x) * 0.7) ** 2) / (size * size * 1.4))
      density *= 0.4 + 0.6 * Math.abs(Math.sin(lat * 1.7 + lon * 0.9))
      const count = Math.round(density * rest)
      if (count > 3) cells.push([(lat + 90) / cell, (lon + 180) / cell, count])
    }
  }
  return { cell_deg: cell, cells }
}
