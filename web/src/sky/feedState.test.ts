import { describe, expect, it } from 'vitest'
import type { LiveEvent } from '../api/types'
import type { Feed } from './feed'
import { nextFetch, snapshotAge, summarise } from './feedState'

const AT = Date.parse('2026-03-14T14:32:00Z') / 1000
const iso = (seconds: number) => new Date(seconds * 1000).toISOString()
const now = { server: AT, sky: AT, monotonicMs: 0 }

const event = (change: Partial<LiveEvent> = {}): LiveEvent => ({
  frame: 3,
  aircraft: 10,
  answer_time: iso(AT - 4),
  fetched_at: iso(AT - 4),
  sky_time: iso(AT),
  server_time: iso(AT),
  next_fetch_at: iso(AT + 6),
  interval_s: 10,
  identity: 1,
  credits: null,
  demo: false,
  state: 'ok',
  message: null,
  estimated: 0,
  landed_at: null,
  lag_rows: 0,
  ...change,
})
const feed = (change: Partial<Feed> = {}): Feed => ({
  contact: 'open',
  retryAt: null,
  event: event(),
  announced: null,
  ...change,
})

describe('summarise', () => {
  it.each([
    ['streaming', feed(), 'ok', 'Streaming', null],
    ['nothing heard yet', feed({ contact: 'connecting', event: null }), 'idle', 'Connecting', null],
    ['no contact', feed({ contact: 'lost', retryAt: 4000 }), 'bad', 'No contact', AT + 4],
    [
      'a failed fetch',
      feed({ event: event({ state: 'failed', message: '503', next_fetch_at: iso(AT + 90) }) }),
      'bad',
      'Fetch failed',
      AT + 90,
    ],
    ['an ended recording', feed({ event: event({ state: 'ended' }) }), 'idle', 'Feed has ended', null],
    ['the server calls it late', feed({ event: event({ state: 'late' }) }), 'warn', 'Late', null],
    ['two intervals and more', feed({ event: event({ answer_time: iso(AT - 26) }) }), 'warn', 'Late', null],
    ['not quite two intervals', feed({ event: event({ answer_time: iso(AT - 20) }) }), 'ok', 'Streaming', null],
  ] as const)('%s', (_, given, tone, title, retryAt) => {
    const summary = summarise(given, now)
    expect(summary.tone).toBe(tone)
    expect(summary.title).toBe(title)
    expect(summary.retryAt).toBe(retryAt)
  })

  it('passes on what the feed says went wrong', () => {
    expect(summarise(feed({ event: event({ state: 'failed', message: '401: wrong client id' }) }), now).detail).toBe(
      '401: wrong client id',
    )
  })
})

it('counts the age of the snapshot on the clock of the sky', () => {
  expect(snapshotAge(feed(), AT + 1)).toBeCloseTo(5)
  expect(snapshotAge(feed({ event: event({ answer_time: null }) }), AT)).toBeNull()
})

it('says how long until the next fetch and how much of the wait is over', () => {
  expect(nextFetch(feed(), AT)).toEqual({ left: 6, passed: 0.4 })
  expect(nextFetch(feed(), AT + 60)).toEqual({ left: 0, passed: 1 })
})
