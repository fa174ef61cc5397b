// Following the end of the stream: asks on from where the last answer ended, and jumps when messages come faster than
// anybody can read.
import { ApiError, getJson } from '../api/client'
import type { TailAnswer, TailMessage } from './answers'

export const FIRST = 50
/** A longer answer than this is no reading any more. */
export const MOST = 100
export const KEPT = 200
const WAIT_SECONDS = 10
const LEAST_PAUSE_MS = 1000
const ERROR_PAUSE_MS = 3000

export interface Row {
  key: string
  message: TailMessage
  /** Between this message and the one before it are others that are not shown. */
  gap: boolean
}

export interface TailState {
  /** Newest first. */
  rows: readonly Row[]
  /** Messages that were looked at in the first question; null before its answer. */
  scanned: number | null
  error: Error | null
}

export const NOTHING: TailState = { rows: [], scanned: null, error: null }

export const messageKey = ({ partition, offset }: TailMessage) => `${partition}:${offset}`

/** Puts an answer on top. `jumped`: it does not continue the one before, so what both have in common tells of a gap. */
export function take(state: TailState, answer: TailAnswer, jumped: boolean): TailState {
  const known = new Set(state.rows.map(row => row.key))
  const fresh = answer.messages.filter(message => !known.has(messageKey(message)))
  const gap = jumped && state.rows.length > 0 && fresh.length > 0 && fresh.length === answer.messages.length
  const rows = fresh.map((message, i) => ({ key: messageKey(message), message, gap: gap && i === 0 }))
  return {
    rows: [...rows.toReversed(), ...state.rows].slice(0, KEPT),
    scanned: (state.scanned ?? 0) + answer.scanned,
    error: null,
  }
}

type Ask = (query: { limit: number; icao24?: string; after?: string; wait?: number }) => Promise<TailAnswer>

export interface Following {
  icao24?: string
  /** One answer is enough: the page is paused. */
  once: boolean
  signal: AbortSignal
  onAnswer: (answer: TailAnswer, jumped: boolean) => void
  onError: (error: Error) => void
}

export const askTail =
  (signal: AbortSignal): Ask =>
  query =>
    getJson<TailAnswer>('/stream/tail', query, signal)

export async function follow(ask: Ask, { icao24, once, signal, onAnswer, onError }: Following, sleep = pause) {
  let after: string | null = null
  while (!signal.aborted) {
    try {
      const jumped: boolean = after === null
      const answer: TailAnswer = await ask(
        after === null ? { limit: FIRST, icao24 } : { limit: MOST, icao24, after, wait: WAIT_SECONDS },
      )
      if (signal.aborted) return
      if (!jumped && answer.messages.length >= MOST) {
        after = null
        continue
      }
      onAnswer(answer, jumped)
      if (once) return
      after = answer.next
      await sleep(LEAST_PAUSE_MS, signal)
    } catch (error) {
      if (signal.aborted) return
      onError(error instanceof Error ? error : new Error(String(error)))
      // Where it went on from may be what is wrong: it is gone from the log, or counts in another stream.
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) after = null
      await sleep(ERROR_PAUSE_MS, signal)
    }
  }
}

const pause = (milliseconds: number, signal: AbortSignal) =>
  new Promise<void>(resolve => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
