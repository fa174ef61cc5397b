import { describe, expect, it } from 'vitest'
import { ApiError } from '../api/client'
import { parseSearch, stringifySearch } from '../params'
import type { DeadLetter, Partition, StreamAnswer, TailAnswer, TailMessage } from './answers'
import { settingText } from './Differences'
import {
  awayOf,
  doneText,
  headline,
  lagScale,
  lagText,
  reasonsOf,
  schemaFields,
  seenBefore,
  stateRows,
  typeText,
} from './figures'
import { gather, KEPT_SECONDS, sampleOf, secondsUntilFull, sparkline, type Sample } from './history'
import { hexText, payloadText } from './payload'
import { readStreamSearch } from './search'
import { FIRST, follow, KEPT, MOST, NOTHING, take } from './tail'

const partition = (change: Partial<Partition> = {}): Partition => ({
  partition: 0,
  start: 100,
  end: 1000,
  landed: 1000,
  lag_rows: 0,
  appended_per_s: 10,
  writer: 'host:1',
  ...change,
})

const answer = (change: Partial<StreamAnswer> = {}): StreamAnswer => ({
  kind: 'kafka',
  topic: 'flight-states',
  stream: 'cluster/topic',
  brokers: 'b:9092',
  error: null,
  error_since: null,
  at: '2026-03-14T09:00:00Z',
  partitions: [partition()],
  lag_rows: 0,
  appended_per_s: 10,
  landed_per_s: 10,
  bytes: null,
  limit_bytes: null,
  differences: [],
  spool: null,
  registry: { kind: 'embedded', url: null, subject: 's', level: null, error: null, versions: [] },
  dead_letters: { policy: 'dead-letter', rows: 0, replayed: 0, last_at: null, topic: null },
  feeds: [],
  ...change,
})

const spool = (change = {}) => ({
  waiting: 0,
  delivered: 1,
  bytes: 0,
  limit_bytes: 1000,
  away_since: null,
  error: null,
  missed_fetches: 0,
  ...change,
})

describe('the address', () => {
  it('comes back as it went', () => {
    const text = '?icao24=3c6444&from=2026-03-14T09:00Z&reason=no%20icao24&replayed=1&letter=3:4092081&schema=2'
    const search = readStreamSearch(parseSearch(text))
    expect(search).toMatchObject({ icao24: '3c6444', reason: 'no icao24', replayed: true, schema: 2 })
    expect(stringifySearch({ ...search })).toBe(text)
    expect(stringifySearch({ ...readStreamSearch(parseSearch('?icao24=3C6444&paused=1')) })).toBe(
      '?icao24=3c6444&paused=1',
    )
  })

  it.each([
    '?icao24=3c644',
    '?icao24=dlh400',
    '?from=noon',
    '?paused=0',
    '?letter=3',
    '?letter=a:b',
    '?schema=1.5',
    '?schema=0',
  ])('leaves out %s', text => expect(stringifySearch({ ...readStreamSearch(parseSearch(text)) })).toBe(''))

  it('has no pause where nothing moves', () => {
    expect(readStreamSearch({ from: '2026-03-14T09:00:31Z', paused: '1' })).toMatchObject({
      from: '2026-03-14T09:00Z',
      paused: undefined,
    })
  })
})

describe('the state in a word', () => {
  it.each<[string, Partial<StreamAnswer>, string]>([
    ['moves', {}, 'ok Moving'],
    ['nothing comes', { appended_per_s: 0 }, 'idle Standing still'],
    ['nothing ever came', { partitions: [partition({ start: 0, end: 0, landed: null })] }, 'idle Nothing written yet'],
    ['half a minute waits', { lag_rows: 300 }, 'ok Moving'],
    ['minutes wait', { lag_rows: 2000 }, 'warn Landing is behind'],
    ['minutes wait, none lands', { lag_rows: 2000, landed_per_s: 0 }, 'warn Nothing lands'],
    ['rows wait, nothing moves', { lag_rows: 3, landed_per_s: 0, appended_per_s: 0 }, 'warn Nothing lands'],
    [
      'no longer there when landing comes',
      { partitions: [partition({ start: 100, landed: 60 })] },
      'bad Messages are lost',
    ],
    ['the reader cannot ask', { error: 'refused' }, 'bad Kafka is away'],
    ['the embedded log cannot be read', { kind: 'embedded', error: 'disk' }, 'bad The log is away'],
    ['only the writer cannot', { spool: spool({ away_since: '2026-03-14T09:00:00Z' }) }, 'bad Kafka is away'],
    ['it is back', { spool: spool({ waiting: 5 }) }, 'warn Catching up'],
  ])('%s', (_, change, expected) => {
    const { tone, title } = headline(answer(change))
    expect(`${tone} ${title}`).toBe(expected)
  })

  it('takes reason and time from whoever has them', () => {
    const since = '2026-03-14T08:00:00Z'
    expect(awayOf(answer())).toBeNull()
    expect(awayOf(answer({ spool: spool({ away_since: since, error: 'timed out' }) }))).toEqual({
      since,
      reason: 'timed out',
    })
    expect(awayOf(answer({ error: 'refused', spool: spool({ away_since: since }) }))).toEqual({
      since,
      reason: 'refused',
    })
  })
})

describe('lag', () => {
  it('is said as time', () => {
    expect(lagText(answer())).toBe('everything has landed')
    expect(lagText(answer({ lag_rows: 3 }))).toBe('about 1 s of messages')
    expect(lagText(answer({ lag_rows: 300 }))).toBe('about 30 s of messages')
    expect(lagText(answer({ lag_rows: 3, appended_per_s: 0 }))).toBe('messages that have not landed')
  })

  it('fills a bar with half a minute, or with the largest', () => {
    expect(lagScale([])).toBe(1)
    expect(lagScale([partition({ lag_rows: 5 }), partition({ appended_per_s: 20 })])).toBe(600)
    expect(lagScale([partition({ lag_rows: 5000 })])).toBe(5000)
  })
})

const sample = (time: number, change: Partial<Sample> = {}): Sample => ({
  time,
  appended: 10,
  landed: 10,
  lag: 0,
  waiting: null,
  spoolBytes: null,
  ...change,
})

describe('the last minutes', () => {
  it('are kept, and no more', () => {
    const samples = gather([sample(0), sample(500)], sample(KEPT_SECONDS + 1))
    expect(samples.map(({ time }) => time)).toEqual([500, KEPT_SECONDS + 1])
    expect(gather([sample(10)], sample(10))).toHaveLength(1)
  })

  it('know nothing of the log while it is away', () => {
    const away = sampleOf(answer({ error: 'refused', spool: spool({ waiting: 7, bytes: 70 }) }), 3)
    expect(away).toEqual({ time: 3, appended: null, landed: null, lag: null, waiting: 7, spoolBytes: 70 })
  })

  it('are a line that breaks where nothing is known', () => {
    const samples = [sample(0), sample(2), sample(4, { appended: null }), sample(6), sample(60)]
    const { line, seconds, most, end } = sparkline(samples, 'appended', 120, 30)
    expect(line.match(/M/g)).toHaveLength(3)
    expect(line).toBe('M0 5L4 5M12 5M120 5')
    expect({ seconds, most, end }).toEqual({ seconds: 60, most: 10, end: { x: 120, y: 5 } })
    expect(sparkline([sample(0, { lag: null })], 'lag', 120, 30)).toMatchObject({ line: '', end: null, most: 0 })
    expect(sparkline([], 'lag', 120, 30)).toMatchObject({ line: '', area: '', seconds: 60 })
  })

  it('say when the spool is full', () => {
    const growing = [sample(0, { spoolBytes: 0 }), sample(100, { spoolBytes: 1000 })]
    expect(secondsUntilFull(growing, 3000)).toBe(200)
    expect(secondsUntilFull(growing, 500)).toBe(0)
    expect(secondsUntilFull(growing.toReversed(), 3000)).toBeNull()
    expect(secondsUntilFull([sample(0, { spoolBytes: 0 }), sample(5, { spoolBytes: 9 })], 3000)).toBeNull()
    expect(secondsUntilFull([sample(0), sample(100)], 3000)).toBeNull()
  })
})

const letter = (reason: string, landed_at: string | null = '2026-03-14T09:00:00.000400Z'): DeadLetter => ({
  stream: 's',
  partition: 0,
  offset: 1,
  appended_at: null,
  landed_at,
  reason,
  key: null,
  text: null,
  base64: null,
  bytes: 0,
  replayed: false,
})

describe('dead letters', () => {
  it('are counted by what their reasons have in common', () => {
    expect(reasonsOf([letter('no icao24'), letter('bytes left: 3'), letter('bytes left: 9')])).toEqual([
      { reason: 'bytes left', count: 2 },
      { reason: 'no icao24', count: 1 },
    ])
  })

  it('that come later are not taken', () => {
    expect(seenBefore([letter('a'), letter('b', '2026-03-14T08:00:00Z')])).toBe('2026-03-14T09:00:00.001Z')
    expect(seenBefore([letter('a', null)])).toBeUndefined()
    expect(seenBefore([])).toBeUndefined()
  })

  it.each([
    ['replay', { taken: 6, done: 6, left: 0, before: 0, reason: null }, '6 rows landed.'],
    [
      'replay',
      { taken: 4, done: 1, left: 2, before: 1, reason: 'no icao24.' },
      '1 row landed. 2 letters still cannot be read (no icao24). 1 letter had been replayed before.',
    ],
    [
      'replay',
      { taken: 1, done: 0, left: 1, before: 0, reason: null },
      'No row landed. 1 letter still cannot be read.',
    ],
    [
      'purge',
      { taken: 2, done: 1, left: 1, before: 0, reason: 'not landed' },
      '1 letter deleted. 1 letter may not be deleted yet (not landed).',
    ],
    [
      'purge',
      { taken: 0, done: 0, left: 0, before: 0, reason: null },
      'No letter matches any more; nothing was changed.',
    ],
  ] as const)('%s %o', (action, done, text) => expect(doneText(action, done)).toBe(text))

  it('show their payload', () => {
    expect(payloadText({ text: '{"a":[1]}', base64: null })).toBe('{\n  "a": [\n    1\n  ]\n}')
    expect(payloadText({ text: '<html>', base64: null })).toBe('<html>')
    expect(payloadText({ text: null, base64: null })).toBe('The message has no payload.')
    expect(payloadText({ text: null, base64: 'AAAAAAQOb3BlbnNreQ==' })).toBe(
      '0000  00 00 00 00 04 0e 6f 70  65 6e 73 6b 79           ······opensky',
    )
    expect(hexText(new Uint8Array(2000)).split('\n').at(-1)).toBe('and 976 more bytes')
  })
})

describe('schemas', () => {
  it('are read into fields', () => {
    const text = JSON.stringify({
      type: 'record',
      name: 'R',
      fields: [
        { name: 'feed', type: 'string', doc: 'Who' },
        { name: 'at', type: ['null', { type: 'long', logicalType: 'timestamp-micros' }] },
      ],
    })
    expect(schemaFields(text)).toEqual([
      { name: 'feed', type: 'string', doc: 'Who' },
      { name: 'at', type: 'timestamp-micros?', doc: '' },
    ])
    expect(schemaFields('"string"')).toBeNull()
    expect(schemaFields('<html>')).toBeNull()
  })

  it.each([
    [['null', { type: 'array', items: ['null', 'int'] }], 'int?[]?'],
    [['int', 'string'], '(int | string)'],
    [{ type: 'map', values: 'long' }, 'map of long'],
    [{ type: 'enum', name: 'Kind', symbols: [] }, 'Kind'],
    [undefined, 'unknown'],
  ])('%o is %s', (type, text) => expect(typeText(type)).toBe(text))

  it('settings in milliseconds are days', () => {
    expect(settingText('retention.ms', '604800000')).toBe('7 days')
    expect(settingText('retention.ms', '3600000')).toBe('1 hour')
    expect(settingText('retention.ms', '1500')).toBe('1500 ms')
    expect(settingText('retention.ms', '-1')).toBe('without end')
    expect(settingText('partitions', '6')).toBe('6')
  })

  it('a state is told without what is null', () => {
    expect(stateRows({ icao24: '3c6444', squawk: null, spi: false, sensors: [1] })).toEqual([
      ['icao24', '3c6444'],
      ['spi', 'false'],
      ['sensors', '[1]'],
    ])
  })
})

const message = (offset: number, partition = 0): TailMessage => ({
  partition,
  offset,
  appended_at: null,
  key: null,
  bytes: 1,
  schema_id: 1,
  state: {},
  dead: null,
})
const tailOf = (...offsets: number[]): TailAnswer => ({
  messages: offsets.map(offset => message(offset)),
  next: `0:${(offsets.at(-1) ?? 0) + 1}`,
  scanned: offsets.length,
})
const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)

describe('the tail', () => {
  const offsets = (state: typeof NOTHING) => state.rows.map(row => row.message.offset)

  it('grows at the top and loses its oldest', () => {
    const state = take(take(NOTHING, tailOf(1, 2), true), tailOf(3), false)
    expect(offsets(state)).toEqual([3, 2, 1])
    expect(state.rows.some(row => row.gap)).toBe(false)
    expect(take(state, tailOf(...range(4, KEPT)), false).rows).toHaveLength(KEPT)
  })

  it('marks what it did not see after a jump, and shows nothing twice', () => {
    const state = take(NOTHING, tailOf(1, 2), true)
    expect(offsets(take(state, tailOf(2, 3), true))).toEqual([3, 2, 1])
    expect(take(state, tailOf(2, 3), true).rows.some(row => row.gap)).toBe(false)
    const jumped = take(state, tailOf(8, 9), true)
    expect(jumped.rows.map(row => row.gap)).toEqual([false, true, false, false])
  })

  /** Plays answers; what is asked is kept. */
  async function played(answers: (TailAnswer | Error)[], once = false) {
    const abort = new AbortController()
    const asked: unknown[] = []
    const heard: string[] = []
    await follow(
      async query => {
        asked.push(query)
        const next = answers.shift()
        if (!next) {
          abort.abort()
          throw new Error('aborted')
        }
        if (next instanceof Error) throw next
        return next
      },
      {
        icao24: '3c6444',
        once,
        signal: abort.signal,
        onAnswer: ({ messages }, jumped) => heard.push(`${messages.length}${jumped ? ' jumped' : ''}`),
        onError: error => heard.push(error.message),
      },
      async () => {},
    )
    return { asked, heard }
  }
  const first = { limit: FIRST, icao24: '3c6444' }
  const on = (after: string) => ({ limit: MOST, icao24: '3c6444', after, wait: 10 })

  it('asks on from where the answer ended', async () => {
    const { asked, heard } = await played([tailOf(1, 2), tailOf(3)])
    expect(asked).toEqual([first, on('0:3'), on('0:4')])
    expect(heard).toEqual(['2 jumped', '1'])
  })

  it('jumps to the end when more comes than can be read', async () => {
    const { asked, heard } = await played([tailOf(1), tailOf(...range(2, MOST)), tailOf(900)])
    expect(asked).toEqual([first, on('0:2'), first, on('0:901')])
    expect(heard).toEqual(['1 jumped', '1 jumped'])
  })

  it('goes on after an error; a cursor that is refused is given up', async () => {
    const kept = await played([tailOf(1), new ApiError('away', 503, null), tailOf(2)])
    expect(kept.asked).toEqual([first, on('0:2'), on('0:2'), on('0:3')])
    expect(kept.heard).toEqual(['1 jumped', 'away', '1'])
    const refused = await played([tailOf(1), new ApiError('gone', 410, null)])
    expect(refused.asked).toEqual([first, on('0:2'), first])
  })

  it('asks once when it is paused', async () => {
    expect((await played([tailOf(1), tailOf(2)], true)).asked).toEqual([first])
  })
})
