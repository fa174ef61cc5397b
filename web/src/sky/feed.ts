// The connection to the live stream: announcements by server-sent events, frames as separate binary resources.
// Reconnects by itself with growing pauses, and says when it tries again.
import type { LiveEvent } from '../api/types'
import { API } from '../api/client'
import { createStore, useStore } from '../prefs/store'
import { setClocks } from './clock'

export type Contact = 'connecting' | 'open' | 'lost'

export interface Feed {
  contact: Contact
  /** When a lost connection is tried again (performance.now() milliseconds). */
  retryAt: number | null
  event: LiveEvent | null
  /** Newest announced frame: number and address. */
  announced: { frame: number; url: string } | null
}

export const feedStore = createStore<Feed>({ contact: 'connecting', retryAt: null, event: null, announced: null })
export const useFeed = () => useStore(feedStore)

// Heartbeats come every 15 s; without one for this long the connection is dead although nobody said so.
const SILENCE_MS = 40_000
const PAUSES_MS = [1000, 2000, 4000, 8000, 15_000]

let source: EventSource | null = null
let failures = 0
let watchdog: ReturnType<typeof setTimeout> | undefined
let retry: ReturnType<typeof setTimeout> | undefined

function lost() {
  source?.close()
  source = null
  clearTimeout(watchdog)
  const pause = PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)]
  failures += 1
  feedStore.set(feed => ({ ...feed, contact: 'lost', retryAt: performance.now() + pause }))
  clearTimeout(retry)
  retry = setTimeout(open, pause)
}

function heard() {
  failures = 0
  clearTimeout(watchdog)
  watchdog = setTimeout(lost, SILENCE_MS)
}

function receive(message: MessageEvent<string>) {
  heard()
  let event: LiveEvent
  try {
    event = JSON.parse(message.data) as LiveEvent
  } catch {
    return
  }
  setClocks(event.server_time, event.sky_time)
  feedStore.set(feed => ({
    contact: 'open',
    retryAt: null,
    event,
    announced: event.url ? { frame: event.frame, url: event.url } : feed.announced,
  }))
}

function open() {
  source?.close()
  source = new EventSource(`${API}/live/events`)
  source.addEventListener('open', () => {
    heard()
    feedStore.set(feed => ({ ...feed, contact: 'open', retryAt: null }))
  })
  source.addEventListener('frame', receive)
  source.addEventListener('status', receive)
  source.addEventListener('error', lost)
}

/** Start listening; called once when the application starts. */
export function connectFeed() {
  if (!source && feedStore.get().contact === 'connecting') open()
  addEventListener('online', retryNow)
}

/** Try a lost connection at once. */
export function retryNow() {
  if (feedStore.get().contact !== 'lost') return
  clearTimeout(retry)
  open()
}
