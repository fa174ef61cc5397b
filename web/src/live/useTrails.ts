import { useEffect, useMemo, useRef, useState } from 'react'
import { getJson } from '../api/client'
import type { TrailPoints, TrailsAnswer } from '../api/types'
import { icaoNumber, icaoText } from '../sky/codec'
import type { LiveMap } from './LiveMap'
import { chooseTrails, currentFlight, drawTrails, joinTrails, trailMinutes, TrailStore } from './trails'
import { useTrack } from './useAircraft'
import type { LiveModel } from './useLiveModel'

const ASK_PAUSE_MS = 300
const ASK_AGAIN_MS = 15_000

/** Keeps the trails on the map: which are drawn, what is asked of the server, the whole way of the selected one. */
export function useTrails(map: LiveMap | null, model: LiveModel) {
  const [store] = useState(() => new TrailStore())
  const [asked, setAsked] = useState(0)
  const failedAt = useRef(-Infinity)
  const { frame, view, entries, search } = model
  const selected = search.sel ?? null
  const visible = !search.hide?.includes('trails')
  const track = useTrack(selected)

  useEffect(() => {
    if (frame) store.extend(frame)
  }, [store, frame])

  const drawn = useMemo(() => {
    if (!frame || !visible) return []
    return chooseTrails(
      entries.filter(entry => entry.row >= 0).map(entry => entry.row),
      frame,
    )
  }, [frame, visible, entries])

  useEffect(() => {
    const wanted = [...drawn, ...(selected ? [icaoNumber(selected)] : [])]
      .filter(icao24 => !store.has(icao24))
      .slice(0, 200)
    if (wanted.length === 0 || performance.now() - failedAt.current < ASK_AGAIN_MS) return
    const abort = new AbortController()
    const timer = setTimeout(() => {
      getJson<TrailsAnswer>('/live/trails', { minutes: 60, icao24: wanted.map(icaoText) }, abort.signal)
        .then(answer => {
          store.merge(wanted, answer.trails)
          setAsked(count => count + 1)
        })
        .catch(() => {
          // Trails are an extra: the map goes on without them and asks again after a while.
          if (!abort.signal.aborted) failedAt.current = performance.now()
        })
    }, ASK_PAUSE_MS)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [store, drawn, selected])

  useEffect(() => {
    if (!map || !frame) return
    const own = selected ? icaoNumber(selected) : -1
    const others = drawn
      .filter(icao24 => icao24 !== own)
      .map(store.get)
      .filter(isTrail)
    const flight = track.data ? currentFlight(track.data.columns) : null
    const recent = store.get(own)
    const way = selected ? (flight ? joinTrails(flight, recent) : (recent ?? null)) : null
    map.setTrails(drawTrails(others, frame.time - trailMinutes(view?.zoom ?? 0) * 60, way))
  }, [map, store, frame, drawn, selected, track.data, asked, view?.zoom])
}

const isTrail = (trail: TrailPoints | undefined): trail is TrailPoints => trail !== undefined && trail.t.length > 1
