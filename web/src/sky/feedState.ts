// What the connection and the feed add up to, in words: one state that the status bar shows and a screen reader hears.
import type { Feed } from './feed'

export type Tone = 'ok' | 'warn' | 'bad' | 'idle'

export interface FeedSummary {
  tone: Tone
  /** Short name of the state; announced when it changes. */
  title: string
  /** What went wrong, in the words of the one who knows. */
  detail: string | null
  /** When it is tried again, server time in seconds; null when that is not known or meaningless. */
  retryAt: number | null
}

/** A snapshot this many intervals old is late, whatever the server says. */
const LATE_INTERVALS = 2
/** Fetching takes a moment; an interval is not overrun by that. */
const GRACE = 5

const seconds = (time: string | null | undefined) => (time ? Date.parse(time) / 1000 : null)

export function summarise(feed: Feed, now: { server: number; sky: number; monotonicMs: number }): FeedSummary {
  const { contact, retryAt, event } = feed
  if (contact === 'lost') {
    const wait = retryAt === null ? null : (retryAt - now.monotonicMs) / 1000
    return { tone: 'bad', title: 'No contact', detail: null, retryAt: wait === null ? null : now.server + wait }
  }
  if (!event) return { tone: 'idle', title: 'Connecting', detail: null, retryAt: null }
  const next = seconds(event.next_fetch_at)
  switch (event.state) {
    case 'failed':
      return { tone: 'bad', title: 'Fetch failed', detail: event.message, retryAt: next }
    case 'ended':
      return { tone: 'idle', title: 'Feed has ended', detail: event.message, retryAt: null }
    case 'waiting':
      return { tone: 'idle', title: 'Waiting', detail: event.message, retryAt: null }
    case 'late':
      return { tone: 'warn', title: 'Late', detail: event.message, retryAt: null }
    default: {
      const age = snapshotAge(feed, now.sky)
      const late = age !== null && event.interval_s !== null && age > LATE_INTERVALS * event.interval_s + GRACE
      return late
        ? { tone: 'warn', title: 'Late', detail: event.message, retryAt: null }
        : { tone: 'ok', title: 'Streaming', detail: null, retryAt: null }
    }
  }
}

/** Seconds that have passed in the sky since the newest answer. */
export function snapshotAge({ event }: Feed, sky: number): number | null {
  const answered = seconds(event?.answer_time)
  return answered === null ? null : Math.max(0, sky - answered)
}

export interface NextFetch {
  /** Seconds left; not below 0. */
  left: number
  /** 0 … 1 of the interval has passed. */
  passed: number
}

export function nextFetch({ event }: Feed, server: number): NextFetch | null {
  const next = seconds(event?.next_fetch_at)
  if (next === null || !event) return null
  const left = Math.max(0, next - server)
  const interval = event.interval_s ?? 0
  return { left, passed: interval > 0 ? Math.min(1, Math.max(0, 1 - left / interval)) : 1 }
}
