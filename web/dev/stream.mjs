// A made-up stream for the stand-in server: every INTERVAL each aircraft gets one message in its partition, so that any
// offset can be computed. Scenes: "kafka", "away" (spool fills), "embedded", "empty".
import { readFileSync } from 'node:fs'
import { hex, stateAt } from './sky.mjs'

export const SCENES = ['kafka', 'away', 'embedded', 'empty']
const SCHEMA = JSON.parse(readFileSync(new URL('../../schemas/flight-state.avsc', import.meta.url), 'utf8'))
const RECEIVER = ['alert', 'emergency', 'registration', 'type_code', 'rssi']
const KEPT_CYCLES = 2160
const TOKEN = 'Zk7vK3n1Q0ixw2h0m4rD5A/uT9yXw8pSfa1bB2cC3dD4Q'

const iso = seconds => new Date(seconds * 1000).toISOString()
const shuffled = flight => (flight.icao * 7919) % 99_991
const now = () => Date.now() / 1000
const rejected = (reason, row) =>
  JSON.stringify({ 'contrail.rejected': reason, feed: 'opensky', fetch_id: '0192f0c1-7d3a-7cc0', row })
const sum = numbers => numbers.reduce((total, number) => total + number, 0)

export function makeStream(flights, interval) {
  let scene = 'kafka'
  let began = now()
  let letters = makeLetters()
  const origin = Math.floor(began) - KEPT_CYCLES * interval - 1
  let members = split(6)

  function split(count) {
    const parts = Array.from({ length: count }, () => [])
    flights.forEach((flight, i) => parts[(flight.icao * 31 + i) % count].push(flight))
    // By address the neighbours in a partition would all be of one airline.
    for (const part of parts) part.sort((one, other) => shuffled(one) - shuffled(other))
    return parts
  }

  function setScene(name) {
    scene = name
    began = now()
    letters = makeLetters()
    members = split(scene === 'embedded' || scene === 'empty' ? 1 : 6)
  }

  /** What the log takes stops with Kafka. */
  const head = () => (scene === 'away' ? began - 95 : now())
  const cycles = () => (scene === 'empty' ? 0 : Math.floor((head() - origin) / interval))

  function partitions() {
    const since = (head() - origin) % interval
    return members.map((part, partition) => {
      const end = cycles() * part.length
      const open = Math.max(0, 1 - since / Math.min(interval, 3 + partition * 0.9))
      const lag = scene === 'empty' ? 0 : Math.round(part.length * open)
      return {
        partition,
        start: Math.max(0, (cycles() - KEPT_CYCLES) * part.length),
        end,
        landed: scene === 'empty' ? null : end - lag,
        lag_rows: lag,
        appended_per_s:
          scene === 'empty'
            ? 0
            : (part.length / interval) * (1 + 0.02 * Math.sin(now() / 17 + partition) + 0.09 * Math.sin(now() / 53)),
        writer:
          scene === 'empty'
            ? null
            : partition < 3 || members.length === 1
              ? 'harbour:4121:08:14:02'
              : 'quay:977:09:41:37',
      }
    })
  }

  function registry() {
    const base = SCHEMA.fields.map(field => field.name).filter(name => !RECEIVER.includes(name))
    const version = (number, id, fields, rest) => ({
      version: number,
      id,
      fields,
      ours: false,
      added: [],
      removed: [],
      not_in_table: [],
      ...rest,
    })
    const versions = [
      version(1, 1, base.length, {}),
      version(2, 4, base.length + RECEIVER.length, { added: RECEIVER, ours: true }),
      version(3, 9, base.length + RECEIVER.length + 2, {
        added: ['mlat_quality', 'nic'],
        not_in_table: ['mlat_quality', 'nic'],
      }),
    ]
    return {
      kind: 'embedded',
      url: null,
      subject: 'flight-states-value',
      level: 'BACKWARD',
      error: null,
      versions: scene === 'kafka' || scene === 'away' ? versions : versions.slice(0, 2),
    }
  }

  function spool() {
    if (scene !== 'kafka' && scene !== 'away') return null
    const away = scene === 'away'
    const seconds = away ? now() - began + 95 : 0
    const waiting = Math.floor(seconds / interval) * flights.length
    return {
      waiting,
      delivered: 4_812_300,
      bytes: Math.round(away ? 1.86e8 + seconds * flights.length * 7 : 0),
      limit_bytes: 1_073_741_824,
      away_since: away ? iso(began - 95) : null,
      error: away ? 'broker-2:9093: connection refused; broker-1:9093: timed out after 5 s' : null,
      missed_fetches: away ? 3 : 0,
    }
  }

  function answer(feeds) {
    const list = partitions()
    const rate = sum(list.map(partition => partition.appended_per_s))
    const kafka = scene === 'kafka' || scene === 'away'
    const last = letters[0]
    return {
      kind: kafka ? 'kafka' : 'embedded',
      topic: 'flight-states',
      stream: kafka ? TOKEN : '0192f0c1-7d3a-7cc0-9b1e-5f6a7b8c9d0e',
      brokers: kafka ? 'broker-1:9093,broker-2:9093' : null,
      error: scene === 'away' ? 'no broker answers: broker-2:9093: connection refused' : null,
      error_since: scene === 'away' ? iso(began - 95) : null,
      at: iso(scene === 'away' ? began - 95 : now()),
      partitions: list,
      lag_rows: sum(list.map(partition => partition.lag_rows)),
      appended_per_s: rate,
      landed_per_s: rate * (scene === 'empty' ? 0 : 0.97 + 0.03 * Math.sin(now() / 23)),
      bytes: kafka ? null : scene === 'empty' ? 4096 : 412_000_000,
      limit_bytes: kafka ? null : 2_147_483_648,
      differences: kafka
        ? [
            {
              name: 'retention.ms',
              is: '86400000',
              wanted: '604800000',
              meaning: "what lands later than the topic's own is lost, and landing will say so",
            },
            { name: 'partitions', is: '6', wanted: '12', meaning: "the topic's count is used" },
          ]
        : [],
      spool: spool(),
      registry: registry(),
      dead_letters: {
        policy: 'dead-letter',
        rows: letters.length,
        replayed: letters.filter(letter => letter.replayed).length,
        last_at: last?.landed_at ?? null,
        topic: kafka ? 'flight-states.dead-letters' : null,
      },
      feeds,
    }
  }

  function makeLetters() {
    if (scene === 'empty') return []
    const kinds = [
      [
        'no icao24',
        i => ({ text: rejected('no icao24', [null, `DLH${400 + i}`, 'Germany', 1773498000 + i, 8.57, 50.03]) }),
      ],
      [
        'schema 77 is not in the registry',
        i => ({ base64: Buffer.from([0, 0, 0, 0, 77, 8, 100, 101, 109, 111, i]).toString('base64') }),
      ],
      [
        'bytes left behind the record: 3',
        i => ({ base64: Buffer.from([0, 0, 0, 0, 4, 14, 111, 112, 101, 110, 115, 107, 121, i]).toString('base64') }),
      ],
      [
        'longitude is no number',
        i => ({
          text: rejected('longitude is no number', [
            `3c66${(i + 16).toString(16)}`,
            'EWG38F',
            'Germany',
            1773498100,
            'east',
            48.1,
          ]),
        }),
      ],
    ]
    return Array.from({ length: 27 }, (_, i) => {
      const [reason, payload] = kinds[[0, 0, 1, 0, 2, 0, 1, 3][i % 8]]
      const content = { text: null, base64: null, ...payload(i) }
      return {
        stream: TOKEN,
        partition: (i * 5) % (scene === 'embedded' ? 1 : 6),
        offset: 4_100_000 - i * 7919,
        appended_at: iso(now() - 130 - i * 977),
        landed_at: iso(now() - 128 - i * 977),
        reason,
        key: i % 3 === 0 ? null : `3c66${(i + 16).toString(16)}`,
        ...content,
        bytes: content.text?.length ?? Buffer.from(content.base64, 'base64').length,
        replayed: i > 22,
      }
    })
  }

  const chosen = ({ reason, partition, offset, before, replayed }) =>
    letters.filter(
      letter =>
        (!reason || letter.reason.includes(reason)) &&
        (partition === undefined || letter.partition === partition) &&
        (offset === undefined || letter.offset === offset) &&
        (!before || letter.landed_at < before) &&
        (replayed || !letter.replayed),
    )

  function deadLetters(query) {
    const found = chosen({ reason: query.get('reason'), replayed: query.get('replayed') === 'true' })
    return { letters: found.slice(0, Number(query.get('limit') ?? 50)), total: found.length }
  }

  /** Those of a schema that has come meanwhile can be read now; the others are what they were. */
  function replay(filter) {
    const taken = chosen(filter)
    const fresh = taken.filter(letter => !letter.replayed)
    const readable = fresh.filter(letter => letter.reason.startsWith('schema'))
    for (const letter of readable) letter.replayed = true
    const left = fresh.filter(letter => !letter.replayed)
    return {
      taken: taken.length,
      done: readable.length,
      left: left.length,
      before: taken.length - fresh.length,
      reason: left[0]?.reason ?? null,
    }
  }

  function purge(filter) {
    const taken = chosen(filter)
    letters = letters.filter(letter => !taken.includes(letter))
    return { taken: taken.length, done: taken.length, left: 0, before: 0, reason: null }
  }

  function message(partition, offset) {
    const part = members[partition]
    const flight = part[offset % part.length]
    const time = origin + (Math.floor(offset / part.length) + 1) * interval
    const found = { partition, offset, appended_at: iso(time), key: hex(flight.icao), bytes: 148 + (flight.icao % 31) }
    if (flight.icao % 97 === 0) {
      return { ...found, schema_id: null, state: null, dead: 'longitude is no number' }
    }
    return { ...found, schema_id: 4, state: columns(flight, time), dead: null }
  }

  function columns(flight, time) {
    const state = stateAt(flight, time - flight.lag)
    const seen = iso(time - flight.lag)
    return {
      feed: 'demo',
      fetch_id: '0192f0c1-7d3a-7cc0-9b1e-5f6a7b8c9d0e',
      fetched_at: iso(time - 0.4),
      answer_time: iso(Math.floor(time)),
      icao24: hex(flight.icao),
      callsign: flight.callsign,
      origin_country: flight.countryName,
      time_position: seen,
      last_contact: seen,
      longitude: Number(state.lon.toFixed(4)),
      latitude: Number(state.lat.toFixed(4)),
      baro_altitude: state.onGround ? null : Number(state.height.toFixed(1)),
      on_ground: state.onGround,
      velocity: Number(state.speed.toFixed(2)),
      true_track: Number(state.track.toFixed(2)),
      vertical_rate: Number(state.climb.toFixed(2)),
      sensors: null,
      geo_altitude: null,
      squawk: flight.squawk,
      spi: false,
      position_source: flight.estimated ? 2 : 0,
      category: flight.category,
    }
  }

  const ends = () => members.map(part => cycles() * part.length)
  const cursorText = cursor => cursor.map((offset, partition) => `${partition}:${offset}`).join(',')

  /** Offsets to begin with; of one aircraft its last messages are looked for. */
  function beginning(query, limit) {
    const from = query.get('after') ?? query.get('from')
    if (from === null) {
      const back = query.get('icao24') ? limit : Math.ceil(limit / flights.length)
      return ends().map((end, i) => Math.max(0, end - back * members[i].length))
    }
    if (/^\d+:/.test(from)) return from.split(',').map(pair => Number(pair.split(':')[1]))
    const cycle = Math.max(0, Math.ceil((Date.parse(from) / 1000 - origin) / interval) - 1)
    return members.map((part, i) => Math.min(ends()[i], cycle * part.length))
  }

  function* offsets(start) {
    const cursor = [...start]
    for (;;) {
      // The oldest first: partitions advance alike, as one fetch is spread over them.
      let next = -1
      members.forEach((part, i) => {
        if (cursor[i] >= ends()[i]) return
        if (next < 0 || cursor[i] / part.length < cursor[next] / members[next].length) next = i
      })
      if (next < 0) return cursor
      yield [next, cursor[next], cursor]
      cursor[next]++
    }
  }

  function look(query) {
    const limit = Number(query.get('limit') ?? 50)
    const icao24 = query.get('icao24')
    const start = beginning(query, limit)
    const following = query.has('after') || query.has('from')
    const found = []
    let scanned = 0
    let next = start
    for (const [partition, offset, cursor] of offsets(start)) {
      scanned++
      const part = members[partition]
      if (!icao24 || hex(part[offset % part.length].icao) === icao24) found.push([partition, offset])
      next = cursor.map((at, i) => (i === partition ? at + 1 : at))
      if (following && found.length >= limit) break
    }
    return {
      messages: found.slice(-limit).map(([partition, offset]) => message(partition, offset)),
      next: cursorText(next),
      scanned,
    }
  }

  async function tail(query, gone) {
    const until = now() + Number(query.get('wait') ?? 0)
    for (;;) {
      const answer = scene === 'empty' ? { messages: [], next: '0:0', scanned: 0 } : look(query)
      if (answer.messages.length > 0 || now() >= until || gone()) return answer
      await new Promise(resolve => setTimeout(resolve, 200))
    }
  }

  function schemaText(id) {
    const version = registry().versions.find(version => version.id === id)
    if (!version) return null
    const fields = SCHEMA.fields.filter(field => version.version > 1 || !RECEIVER.includes(field.name))
    const more =
      version.version < 3
        ? []
        : [
            {
              name: 'mlat_quality',
              type: ['null', 'float'],
              default: null,
              doc: 'Expected error of a multilaterated position in metres',
            },
            { name: 'nic', type: ['null', 'int'], default: null, doc: 'Navigation integrity category' },
          ]
    return { schema: JSON.stringify({ ...SCHEMA, fields: [...fields, ...more] }) }
  }

  return { setScene, scene: () => scene, answer, deadLetters, replay, purge, tail, schemaText }
}
