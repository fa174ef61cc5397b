// A stand-in for the server while the web is developed and tested alone: speaks the HTTP interface over a synthetic sky
// and serves dist/. `PORT` (8471), `COUNT` (12000), `INTERVAL` in seconds (10). POST /mock {"mode": …} sets a fault:
// "ok", "empty" (no frame yet), "failed" (the feed fails), "late", "down" (every answer is 503, streams are cut).
// POST /mock {"stream": …} sets what the Stream page sees: one of the scenes of stream.mjs.
import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { exploreAnswer, exploreDensity, exploreRange } from './explore.mjs'
import { frameAt, hex, makeSky, stateAt } from './sky.mjs'
import { makeStream, SCENES } from './stream.mjs'

const PORT = Number(process.env.PORT ?? 8471)
const INTERVAL = Number(process.env.INTERVAL ?? 10)
const DIST = fileURLToPath(new URL('../dist', import.meta.url))
const BOOT = Math.random().toString(36).slice(2, 10)
const CSP = "default-src 'self'; img-src 'self' data: blob:; worker-src 'self'"
const flights = makeSky(Number(process.env.COUNT ?? 12_000))
const byIcao = new Map(flights.map(flight => [hex(flight.icao), flight]))
const stream = makeStream(flights, INTERVAL)
const listeners = new Set()
const frames = new Map()

let mode = 'ok'
let seq = 0
let last = null
let credits = 2436

const now = () => Date.now() / 1000
const iso = seconds => new Date(seconds * 1000).toISOString()

function takeFrame() {
  if (mode === 'ok') {
    const time = now() - 0.4
    const { buffer, estimated } = frameAt(flights, time, ++seq)
    credits = Math.max(0, credits - 4)
    last = { seq, time, fetched: now(), estimated }
    frames.set(`${BOOT}-${seq}`, gzipSync(buffer))
    if (frames.size > 4) frames.delete(frames.keys().next().value)
    announce('frame')
  } else announce('status')
}

function liveEvent(kind) {
  const failed = mode === 'failed'
  const shown = mode === 'empty' ? null : last
  return {
    frame: shown?.seq ?? 0,
    ...(kind === 'frame' ? { url: `/api/v1/live/frames/${BOOT}-${last.seq}` } : {}),
    aircraft: shown ? flights.length : 0,
    answer_time: shown ? iso(shown.time) : null,
    fetched_at: shown ? iso(shown.fetched) : null,
    sky_time: iso(now()),
    server_time: iso(now()),
    next_fetch_at: iso(failed ? now() + 180 : (last?.fetched ?? now()) + INTERVAL),
    interval_s: INTERVAL,
    identity: 1,
    credits: { remaining: credits, limit: 4000 },
    demo: true,
    state: failed ? 'failed' : mode === 'late' ? 'late' : mode === 'empty' ? 'waiting' : 'ok',
    message: failed ? 'OpenSky answered 503 with an HTML page' : null,
    estimated: shown?.estimated ?? 0,
    landed_at: shown ? iso(now() - 3) : null,
    lag_rows: 0,
  }
}

const send = (response, kind) =>
  response.write(
    `event: ${kind}\n${kind === 'frame' ? `id: ${BOOT}-${seq}\n` : ''}data: ${JSON.stringify(liveEvent(kind))}\n\n`,
  )
const announce = kind => listeners.forEach(response => send(response, kind))

function json(response, body, status = 200, type = 'application/json') {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
  response.end(JSON.stringify(body))
}
const problem = (response, status, title, detail) =>
  json(response, { type: 'about:blank', title, status, detail }, status, 'application/problem+json')

function identity(since) {
  const list = since === 1 ? [] : flights
  const column = pick => list.map(pick)
  return {
    rev: 1,
    boot_id: BOOT,
    full: since !== 1,
    columns: {
      icao24: column(flight => hex(flight.icao)),
      callsign: column(flight => flight.callsign),
      country: column(flight => flight.country),
      country_name: column(flight => flight.countryName),
      airline: column(flight => flight.airline),
      airline_name: column(flight => flight.airlineName),
      squawk: column(flight => flight.squawk),
      category: column(flight => flight.category),
      registration: column(flight => flight.registration),
      type_code: column(flight => flight.type),
      position_source: column(flight => (flight.estimated ? 2 : 0)),
    },
  }
}

function samples(flight, from, to, step) {
  const columns = {
    time: [],
    latitude: [],
    longitude: [],
    altitude: [],
    speed: [],
    track: [],
    climb: [],
    on_ground: [],
    callsign: [],
  }
  for (let time = from; time <= to; time += step) {
    const state = stateAt(flight, time)
    columns.time.push(time)
    columns.latitude.push(state.lat)
    columns.longitude.push(state.lon)
    columns.altitude.push(state.height)
    columns.speed.push(state.speed)
    columns.track.push(state.track)
    columns.climb.push(state.climb)
    columns.on_ground.push(state.onGround)
    columns.callsign.push(flight.callsign)
  }
  return columns
}

function trails(minutes, icaos) {
  const end = last?.time ?? now()
  const answer = {}
  for (const icao of icaos.slice(0, 200)) {
    const flight = byIcao.get(icao)
    if (!flight) continue
    const columns = samples(flight, end - minutes * 60, end - flight.lag, 60)
    answer[icao] = { t: columns.time, lat: columns.latitude, lon: columns.longitude, alt: columns.altitude }
  }
  return { trails: answer }
}

function aircraft(flight) {
  const state = stateAt(flight, now())
  return {
    icao24: hex(flight.icao),
    callsign: flight.callsign,
    country: flight.country,
    country_name: flight.countryName,
    airline: flight.airline,
    airline_name: flight.airlineName,
    registration: flight.registration,
    type_code: flight.type,
    category: flight.category,
    state: { latitude: state.lat, longitude: state.lon, baro_altitude: state.height },
    first_seen: iso(now() - 86_400 * 2),
    last_seen: iso(now() - flight.lag),
    hours_seen: 31,
    days: [0, 1, 2].map(ago => ({
      day: iso(now() - ago * 86_400).slice(0, 10),
      observations: 4000 - ago * 700,
      callsigns: [flight.callsign ?? '', `${flight.airline ?? 'X'}77${ago}`].filter(Boolean),
    })),
  }
}

function timeline(hours) {
  const bucket = 600
  const start = Math.floor((now() - hours * 3600) / bucket) * bucket
  const counts = Array.from({ length: hours * 6 + 1 }, (_, i) => {
    if (i > 60 && i < 64) return null
    const hour = (((start + i * bucket) / 3600) % 24) + 24
    return Math.round(8600 + 3300 * Math.sin(((hour - 9) / 24) * 2 * Math.PI) + 200 * Math.sin(i * 1.7))
  })
  return { bucket_s: bucket, start: iso(start), counts }
}

function status() {
  const event = liveEvent('status')
  return {
    version: '0.1.0',
    boot_id: BOOT,
    demo: true,
    server_time: event.server_time,
    sky_time: event.sky_time,
    roles: ['source', 'land', 'build', 'serve', 'query'].map(role => ({
      role,
      state: 'running',
      since: iso(now() - 3600),
      error: null,
      retry_at: null,
      rate_per_s: role === 'land' ? 1200 : null,
      note: null,
    })),
    feeds: [
      {
        name: 'demo',
        kind: 'demo',
        state: event.state,
        interval_s: INTERVAL,
        last_fetch_at: event.fetched_at,
        last_answer_time: event.answer_time,
        next_fetch_at: event.next_fetch_at,
        status: mode === 'failed' ? 503 : 200,
        message: event.message,
        error: event.message,
        retry_at: mode === 'failed' ? event.next_fetch_at : null,
        rows: flights.length,
        credits: { remaining: credits, limit: 4000, window: 'day', runs_out_at: null },
        clock_skew_s: 0,
        bad_rows: 0,
        bad_fields: {},
      },
    ],
    sky: { aircraft: event.aircraft, answer_time: event.answer_time, fetched_at: event.fetched_at, frame: event.frame },
    log: {
      stream: 'demo',
      kind: 'embedded',
      start: 0,
      end: seq * flights.length,
      bytes: 1e7,
      limit_bytes: 1e9,
      lag_rows: 0,
    },
    lake: { landed_at: event.landed_at, landed_rows: seq * flights.length, tables: [] },
    build: { built_at: event.landed_at, held_hours: [], outdated: [] },
    backfill: null,
  }
}

function receiver() {
  return {
    ...status().feeds[0],
    name: 'roof',
    kind: 'readsb',
    state: 'ok',
    interval_s: 1,
    next_fetch_at: iso(Math.ceil(now())),
    last_fetch_at: iso(Math.floor(now())),
    status: 200,
    message: null,
    error: null,
    retry_at: null,
    rows: 214,
    credits: null,
  }
}

const ROUTES = [
  [/^\/status$/, ({ response }) => json(response, status())],
  [
    /^\/live\/events$/,
    ({ request, response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      listeners.add(response)
      request.on('close', () => listeners.delete(response))
      send(response, last && mode !== 'empty' ? 'frame' : 'status')
    },
  ],
  [
    /^\/live\/frames\/(.+)$/,
    ({ response, match }) => {
      const body = frames.get(match[1] === 'latest' ? `${BOOT}-${last?.seq}` : match[1])
      if (!body || mode === 'empty') return problem(response, 404, 'No such frame', 'Take the latest one.')
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-encoding': 'gzip' })
      response.end(body)
    },
  ],
  [/^\/live\/identity$/, ({ response, query }) => json(response, identity(Number(query.get('since') ?? 0)))],
  [
    /^\/live\/trails$/,
    ({ response, query }) =>
      json(
        response,
        trails(Number(query.get('minutes') ?? 60), (query.get('icao24') ?? '').split(',').filter(Boolean)),
      ),
  ],
  [
    /^\/aircraft\/([0-9a-f]{6})$/,
    ({ response, match }) => {
      const flight = byIcao.get(match[1])
      if (!flight) return problem(response, 404, 'Never seen', `No observation of ${match[1]} is in the lake.`)
      json(response, aircraft(flight))
    },
  ],
  [
    /^\/aircraft\/([0-9a-f]{6})\/track$/,
    ({ response, match }) => {
      const flight = byIcao.get(match[1])
      if (!flight) return problem(response, 404, 'Never seen', `No observation of ${match[1]} is in the lake.`)
      json(response, { icao24: match[1], columns: samples(flight, now() - 86_400, now() - flight.lag, 60) })
    },
  ],
  [/^\/timeline$/, ({ response, query }) => json(response, timeline(Number(query.get('hours') ?? 24)))],
  [/^\/explore$/, ({ response, query }) => json(response, exploreAnswer(query))],
  [/^\/explore\/density$/, ({ response, query }) => json(response, exploreDensity(query))],
  [/^\/explore\/range$/, ({ response }) => json(response, exploreRange())],
  [/^\/stream$/, ({ response }) => json(response, stream.answer([...status().feeds, receiver()]))],
  [
    /^\/stream\/tail$/,
    ({ response, query }) =>
      stream.scene() === 'away'
        ? problem(response, 503, 'Kafka cannot be read', 'No broker answers: broker-2:9093: connection refused')
        : void stream.tail(query, () => response.destroyed).then(answer => json(response, answer)),
  ],
  [/^\/stream\/dead-letters$/, ({ response, query }) => json(response, stream.deadLetters(query))],
  [
    /^\/stream\/dead-letters\/(replay|purge)$/,
    ({ request, response, match }) =>
      request.method === 'POST'
        ? readBody(request, filter => json(response, stream[match[1]](filter)))
        : problem(response, 405, 'Use POST', null),
  ],
]

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

function serveFile(response, path) {
  let file = join(DIST, normalize(path))
  if (!file.startsWith(DIST) || !existsSync(file) || statSync(file).isDirectory()) file = join(DIST, 'index.html')
  if (!existsSync(file)) return problem(response, 404, 'Not built', 'Run npm run build first.')
  response.writeHead(200, {
    'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
    'content-security-policy': CSP,
    'cache-control': 'no-cache',
  })
  createReadStream(file).pipe(response)
}

function readBody(request, handle) {
  let body = ''
  request.on('data', chunk => (body += chunk))
  request.on('end', () => handle(JSON.parse(body)))
}

function setMode(request, response) {
  readBody(request, wanted => {
    if (SCENES.includes(wanted.stream)) stream.setScene(wanted.stream)
    if (wanted.mode) mode = wanted.mode
    if (mode === 'down') {
      for (const listener of listeners) listener.destroy()
      listeners.clear()
    } else if (wanted.mode) takeFrame()
    json(response, { mode, stream: stream.scene() })
  })
}

createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost')
  if (url.pathname === '/mock' && request.method === 'POST') return setMode(request, response)
  const schema = /^\/registry\/schemas\/ids\/(\d+)$/.exec(url.pathname)
  if (schema) {
    const found = stream.schemaText(Number(schema[1]))
    return found ? json(response, found) : json(response, { error_code: 40403, message: 'Schema not found' }, 404)
  }
  if (!url.pathname.startsWith('/api/v1')) return serveFile(response, url.pathname)
  if (mode === 'down') return problem(response, 503, 'Stopped', null)
  const path = url.pathname.slice('/api/v1'.length)
  for (const [pattern, handle] of ROUTES) {
    const match = pattern.exec(path)
    if (match) return handle({ request, response, match, query: url.searchParams })
  }
  problem(response, 404, 'Not found', null)
}).listen(PORT, '127.0.0.1', () => console.log(`mock sky on http://127.0.0.1:${PORT}`))

takeFrame()
setInterval(takeFrame, INTERVAL * 1000)
setInterval(() => announce('status'), 15_000)
