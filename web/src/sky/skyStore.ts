// The sky as it is shown: the newest frame and who is in it. Fetches what the stream announces, only while somebody
// looks, and one frame at a time: what came too late is skipped, never queued.
import { ApiError, getBytes, getJson, API } from '../api/client'
import type { IdentityAnswer } from '../api/types'
import { createStore, useStore } from '../prefs/store'
import { decodeFrame, type Frame } from './codec'
import { feedStore } from './feed'
import { mergeIdentities, type Identities } from './identity'

export interface Sky {
  frame: Frame | null
  identities: Identities
  /** Grows when `identities` has changed in place. */
  identityRev: number
  /** Why the newest frame could not be had; cleared by the next that can. */
  error: string | null
}

export const skyStore = createStore<Sky>({ frame: null, identities: new Map(), identityRev: 0, error: null })
export const useSky = () => useStore(skyStore)

let watchers = 0
let taken = ''
let fetching = false
let identityKnown = { boot: '', rev: 0 }
let identityFetching = false

const bootOf = (url: string) => url.slice(url.lastIndexOf('/') + 1, url.lastIndexOf('-'))

async function takeFrame() {
  const announced = feedStore.get().announced
  if (fetching || watchers === 0 || document.hidden || !announced || announced.url === taken) return
  fetching = true
  try {
    const frame = decodeFrame(await fetchFrame(announced.url))
    taken = announced.url
    skyStore.set(sky => ({ ...sky, frame, error: null }))
  } catch (error) {
    taken = announced.url
    skyStore.set(sky => ({ ...sky, error: error instanceof Error ? error.message : String(error) }))
  } finally {
    fetching = false
  }
  void takeIdentities(bootOf(announced.url))
  if (feedStore.get().announced?.url !== taken) void takeFrame()
}

/** A frame that is already gone is answered by the newest. */
async function fetchFrame(url: string): Promise<ArrayBuffer> {
  try {
    return await getBytes(url)
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return getBytes(`${API}/live/frames/latest`)
    throw error
  }
}

async function takeIdentities(boot: string) {
  const announced = feedStore.get().event?.identity ?? 0
  if (identityFetching) return
  if (identityKnown.boot === boot && identityKnown.rev >= announced && identityKnown.rev > 0) return
  identityFetching = true
  try {
    // Revisions count within one boot of the server; after a restart everything is asked anew.
    const since = identityKnown.boot === boot ? identityKnown.rev : 0
    const answer = await getJson<IdentityAnswer>('/live/identity', { since })
    identityKnown = { boot: answer.boot_id, rev: answer.rev }
    skyStore.set(sky => ({
      ...sky,
      identities: mergeIdentities(sky.identities, answer),
      identityRev: sky.identityRev + 1,
    }))
  } catch {
    // The next frame asks again; until then aircraft are named by their address.
  } finally {
    identityFetching = false
  }
}

feedStore.subscribe(() => void takeFrame())
if (typeof document !== 'undefined') document.addEventListener('visibilitychange', () => void takeFrame())

/** Keep frames coming until the returned function is called. */
export function watchSky(): () => void {
  watchers += 1
  void takeFrame()
  return () => {
    watchers -= 1
  }
}
