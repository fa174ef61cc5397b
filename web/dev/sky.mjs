// A synthetic sky for developing the web without the server: a pure function of a seed and the time.
import { readFileSync } from 'node:fs'

const AIRPORTS = JSON.parse(readFileSync(new URL('../scripts/airports.json', import.meta.url), 'utf8')).map(
  ([iata, city, lat, lon, weight]) => ({ iata, city, lat, lon, weight }),
)

const AIRLINES = [
  ['DLH', 'Lufthansa', 'DE', 'Germany', 0x3c6000, 'FRA'],
  ['BAW', 'British Airways', 'GB', 'United Kingdom', 0x400600, 'LHR'],
  ['AFR', 'Air France', 'FR', 'France', 0x394a00, 'CDG'],
  ['KLM', 'KLM', 'NL', 'Netherlands', 0x484000, 'AMS'],
  ['RYR', 'Ryanair', 'IE', 'Ireland', 0x4ca000, 'DUB'],
  ['THY', 'Turkish Airlines', 'TR', 'Türkiye', 0x4ba800, 'IST'],
  ['IBE', 'Iberia', 'ES', 'Spain', 0x342000, 'MAD'],
  ['SAS', 'SAS', 'SE', 'Sweden', 0x4aca00, 'CPH'],
  ['UAL', 'United Airlines', 'US', 'United States', 0xa20000, 'ORD'],
  ['AAL', 'American Airlines', 'US', 'United States', 0xa40000, 'DFW'],
  ['DAL', 'Delta Air Lines', 'US', 'United States', 0xa60000, 'ATL'],
  ['SWA', 'Southwest', 'US', 'United States', 0xa80000, 'DEN'],
  ['FDX', 'FedEx', 'US', 'United States', 0xaa0000, 'IAH'],
  ['ACA', 'Air Canada', 'CA', 'Canada', 0xc01000, 'YYZ'],
  ['UAE', 'Emirates', 'AE', 'United Arab Emirates', 0x896100, 'DXB'],
  ['QTR', 'Qatar Airways', 'QA', 'Qatar', 0x06a000, 'DOH'],
  ['IGO', 'IndiGo', 'IN', 'India', 0x800400, 'DEL'],
  ['SIA', 'Singapore Airlines', 'SG', 'Singapore', 0x76cd00, 'SIN'],
  ['CPA', 'Cathay Pacific', 'HK', 'Hong Kong', 0x780200, 'HKG'],
  ['CES', 'China Eastern', 'CN', 'China', 0x781000, 'PVG'],
  ['CCA', 'Air China', 'CN', 'China', 0x783000, 'PEK'],
  ['ANA', 'All Nippon', 'JP', 'Japan', 0x862000, 'HND'],
  ['KAL', 'Korean Air', 'KR', 'South Korea', 0x71b000, 'ICN'],
  ['QFA', 'Qantas', 'AU', 'Australia', 0x7c6000, 'SYD'],
  ['TAM', 'LATAM Brasil', 'BR', 'Brazil', 0xe48000, 'GRU'],
  ['ETH', 'Ethiopian', 'ET', 'Ethiopia', 0x040000, 'ADD'],
]

const random = seed => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

const RAD = Math.PI / 180
const EARTH = 6_371_000

const vector = ({ lat, lon }) => [
  Math.cos(lat * RAD) * Math.cos(lon * RAD),
  Math.cos(lat * RAD) * Math.sin(lon * RAD),
  Math.sin(lat * RAD),
]

const angle = (a, b) => Math.acos(Math.min(1, Math.max(-1, a[0] * b[0] + a[1] * b[1] + a[2] * b[2])))

function along(flight, share) {
  const { a, b, w } = flight
  const s = Math.sin(w)
  const p = Math.sin((1 - share) * w) / s
  const q = Math.sin(share * w) / s
  const x = a[0] * p + b[0] * q
  const y = a[1] * p + b[1] * q
  const z = a[2] * p + b[2] * q
  return { lat: Math.atan2(z, Math.hypot(x, y)) / RAD, lon: Math.atan2(y, x) / RAD }
}

const CRUISE = { jet: [232, 11_000], heavy: [250, 11_600], light: [62, 1700], rotor: [58, 450], glider: [27, 1300] }
const TYPES = {
  jet: ['A320', 'A20N', 'A321', 'B738', 'B38M', 'E190', 'BCS3', 'A319'],
  heavy: ['B77W', 'A359', 'B789', 'A333', 'A388', 'B744'],
  light: ['C172', 'PA28', 'SR22', 'DA40', 'PC12'],
  rotor: ['EC35', 'H60', 'B06', 'A139'],
  glider: ['DG1T', 'AS21'],
}
const CATEGORY = { jet: 4, heavy: 6, light: 2, rotor: 8, glider: 9, ground: 17 }
const SHAPE = { jet: 0, heavy: 1, light: 2, rotor: 3, glider: 4, ground: 5 }

export function makeSky(count = 12_000, seed = 7) {
  const next = random(seed)
  const weighted = AIRPORTS.flatMap(airport => Array((airport.weight ** 2) >> 1).fill(airport))
  const pick = list => list[Math.floor(next() * list.length)]
  const used = new Set()
  const flights = []
  for (let i = 0; i < count; i++) {
    const roll = next()
    const kind =
      roll < 0.66
        ? 'jet'
        : roll < 0.82
          ? 'heavy'
          : roll < 0.93
            ? 'light'
            : roll < 0.97
              ? 'rotor'
              : roll < 0.985
                ? 'glider'
                : 'ground'
    const airline = kind === 'jet' || kind === 'heavy' ? pick(AIRLINES) : null
    const hub = airline && AIRPORTS.find(airport => airport.iata === airline[5])
    const from = hub && next() < 0.6 ? hub : pick(weighted)
    let to = pick(weighted)
    const reach = kind === 'heavy' ? 14_000e3 : 3800e3
    for (let tries = 0; tries < 30; tries++) {
      const distance = angle(vector(from), vector(to)) * EARTH
      if (to !== from && distance < reach && distance > 300e3) break
      to = pick(weighted)
    }
    const local = !airline
    const near = () => ({ lat: from.lat + (next() - 0.5) * 3, lon: from.lon + (next() - 0.5) * 4 })
    const start = local ? near() : from
    const end = local ? near() : to
    const a = vector(start)
    const b = vector(end)
    const w = Math.max(angle(a, b), 0.0015)
    const [speed, height] = CRUISE[kind] ?? [6, 0]
    const country = airline ?? pick(AIRLINES)
    let icao = country[4] + Math.floor(next() * 0x1ff)
    while (used.has(icao)) icao = country[4] + Math.floor(next() * 0x3ffff)
    used.add(icao)
    const serial = 1 + Math.floor(next() * 9998)
    flights.push({
      icao,
      kind,
      a,
      b,
      w,
      speed: speed * (0.93 + next() * 0.14),
      height: height * (0.85 + next() * 0.22),
      offset: next() * 1e6,
      pause: 900 + next() * 2400,
      lag: next() < 0.78 ? next() * 9 : next() < 0.72 ? 10 + next() * 50 : 60 + next() * 230,
      estimated: next() < 0.05,
      emergency: i === 4711 % count,
      callsign: airline ? `${airline[0]}${serial}` : next() < 0.85 ? `${country[2]}${serial}` : null,
      airline: airline?.[0] ?? null,
      airlineName: airline?.[1] ?? null,
      country: country[2],
      countryName: country[3],
      squawk: i === 4711 % count ? '7700' : String(1000 + Math.floor(next() * 6777)).replace(/[89]/g, '3'),
      category: next() < 0.1 ? 0 : (CATEGORY[kind] ?? 0),
      registration: next() < 0.7 ? `${country[2]}-${serial}` : null,
      type: TYPES[kind] && next() < 0.85 ? pick(TYPES[kind]) : null,
    })
  }
  flights.sort((one, other) => one.icao - other.icao)
  return flights
}

/** State of one flight at `time` (Unix seconds). */
export function stateAt(flight, time) {
  const duration = (flight.w * EARTH) / flight.speed
  const cycle = duration + flight.pause
  const turn = Math.floor((time + flight.offset) / cycle)
  const back = turn % 2 !== 0
  const since = (time + flight.offset) % cycle
  const flying = since < duration && flight.kind !== 'ground'
  const share = Math.min(1, since / duration)
  const here = along(flight, back ? 1 - share : share)
  const ahead = along(flight, back ? 1 - share - 1e-4 : share + 1e-4)
  const track = (Math.atan2((ahead.lon - here.lon) * Math.cos(here.lat * RAD), ahead.lat - here.lat) / RAD + 360) % 360
  const flown = share * flight.w * EARTH
  const left = (1 - share) * flight.w * EARTH
  const ramp = Math.max(60, Math.min(flight.height * 16, flight.w * EARTH * 0.3))
  const profile = Math.max(0, Math.min(1, flown / ramp, left / (ramp * 1.2)))
  const height = flight.height * (profile < 1 ? profile * (2 - profile) : 1)
  const climb = !flying || profile >= 1 ? 0 : flown < left ? 11 * (1 - profile * 0.8) : -8 * (1.1 - profile * 0.8)
  const speed = flying ? flight.speed * (0.45 + 0.55 * Math.sqrt(profile)) : flight.kind === 'ground' ? 6 : 0
  return { ...here, track, height: flying ? height : 0, climb, speed, onGround: !flying, flown: since }
}

const pad4 = size => (size + 3) & ~3

/** The binary frame of the live stream. */
export function frameAt(flights, time, seq) {
  const n = flights.length
  const widths = [4, 4, 4, 2, 2, 2, 2, 1, 1]
  const offsets = []
  let size = 32
  for (const width of widths) {
    offsets.push(size)
    size = pad4(size + width * n)
  }
  const buffer = Buffer.alloc(size)
  buffer.write('CTR1', 0, 'latin1')
  buffer.writeUInt32LE(n, 4)
  buffer.writeDoubleLE(time, 8)
  buffer.writeUInt32LE(seq, 16)
  buffer.writeUInt32LE(1, 20)
  let estimated = 0
  flights.forEach((flight, i) => {
    const age = flight.lag + ((time * 7 + i) % 5) * 0.3
    const state = stateAt(flight, time - age)
    if (age > 15 || flight.estimated) estimated++
    buffer.writeUInt32LE(flight.icao, offsets[0] + 4 * i)
    buffer.writeInt32LE(Math.round(state.lat * 1e7), offsets[1] + 4 * i)
    buffer.writeInt32LE(Math.round(state.lon * 1e7), offsets[2] + 4 * i)
    buffer.writeInt16LE(i % 97 === 0 ? -32768 : Math.round(state.height), offsets[3] + 2 * i)
    buffer.writeUInt16LE(Math.round(state.speed * 10), offsets[4] + 2 * i)
    buffer.writeUInt16LE(Math.floor((state.track * 65536) / 360) & 0xffff, offsets[5] + 2 * i)
    buffer.writeUInt16LE(Math.round(age * 10), offsets[6] + 2 * i)
    buffer.writeInt8(Math.max(-127, Math.min(127, Math.round(state.climb * 2))), offsets[7] + i)
    const flags =
      (state.onGround ? 1 : 0) | (SHAPE[flight.kind] << 1) | (flight.emergency ? 16 : 0) | (flight.estimated ? 32 : 0)
    buffer.writeUInt8(flags, offsets[8] + i)
  })
  return { buffer, estimated }
}

export const hex = icao => icao.toString(16).padStart(6, '0')
