// Binds the map, which lives outside React, to what the page knows.
import { useEffect, useRef, useState, type RefObject } from 'react'
import { useTheme } from '../prefs/preferences'
import { useReducedMotion } from '../ui/useMediaQuery'
import { LiveMap } from './LiveMap'
import type { LiveModel } from './useLiveModel'
import { WHOLE_WORLD } from './view'

export interface Hover {
  row: number
  x: number
  y: number
}

export interface Padding {
  top: number
  right: number
  bottom: number
  left: number
}

export interface LiveMapState {
  map: LiveMap | null
  hover: Hover
  /** Why there is no map: no WebGL, or the context is lost. */
  problem: string | null
}

const NO_HOVER: Hover = { row: -1, x: 0, y: 0 }
const VIEW_PAUSE_MS = 150
const ADDRESS_PAUSE_MS = 400
const DEGREES = 3

export function useLiveMap(
  container: RefObject<HTMLDivElement | null>,
  target: RefObject<HTMLDivElement | null>,
  model: LiveModel,
  padding: Padding,
  onPick: (icao24: string | null) => void,
): LiveMapState {
  const theme = useTheme()
  const reducedMotion = useReducedMotion()
  const [map, setMap] = useState<LiveMap | null>(null)
  const [hover, setHover] = useState<Hover>(NO_HOVER)
  const [problem, setProblem] = useState<string | null>(null)
  const latest = useRef({ model, onPick })
  latest.current = { model, onPick }
  const { search } = model

  useEffect(() => {
    if (!container.current || !target.current) return
    let made: LiveMap | null = null
    let ended = false
    let viewTimer: ReturnType<typeof setTimeout> | undefined
    let addressTimer: ReturnType<typeof setTimeout> | undefined
    LiveMap.create({
      container: container.current,
      target: target.current,
      theme,
      globe: search.globe === true,
      hidden: search.hide ?? [],
      center: search.c,
      zoom: search.z,
      padding,
      reducedMotion,
      onView: (view, byHand) => {
        clearTimeout(viewTimer)
        viewTimer = setTimeout(() => latest.current.model.setView(view), VIEW_PAUSE_MS)
        if (!byHand && !latest.current.model.search.c) return
        clearTimeout(addressTimer)
        addressTimer = setTimeout(() => {
          const { model } = latest.current
          model.set({
            // Where a followed aircraft is will be another place when the link is opened.
            c: model.search.follow ? undefined : [round(view.lat, DEGREES), round(view.lon, DEGREES)],
            z: round(view.zoom, 2),
          })
        }, ADDRESS_PAUSE_MS)
      },
      onPick: icao24 => latest.current.onPick(icao24),
      onHover: (row, x, y) => setHover(current => (row < 0 && current.row < 0 ? current : { row, x, y })),
      onGrab: () => {
        if (latest.current.model.search.follow) latest.current.model.set({ follow: undefined })
      },
      onLost: lost => setProblem(lost ? 'The graphics card has dropped the map. It comes back by itself.' : null),
    })
      .then(created => {
        if (ended) return created.remove()
        made = created
        setMap(created)
      })
      .catch((error: unknown) => {
        console.error(error)
        setProblem('The map needs WebGL 2, which this browser does not offer. The list works without it.')
        latest.current.model.setView(WHOLE_WORLD)
      })
    return () => {
      ended = true
      clearTimeout(viewTimer)
      clearTimeout(addressTimer)
      made?.remove()
      setMap(null)
    }
    // Made once; everything that changes later is told to it below.
  }, [])

  useEffect(() => map?.setFrame(model.frame, model.shown), [map, model.frame])
  useEffect(() => map?.setShown(model.shown), [map, model.shown])
  useEffect(
    () =>
      map?.setNames(
        icao24 => model.identities.get(icao24)?.callsign ?? model.identities.get(icao24)?.registration ?? null,
      ),
    [map, model.identityRev],
  )
  useEffect(() => map?.setTheme(theme), [map, theme])
  useEffect(() => map?.setReducedMotion(reducedMotion), [map, reducedMotion])
  useEffect(() => map?.setGlobe(search.globe === true), [map, search.globe])
  useEffect(() => map?.setHidden(search.hide ?? []), [map, search.hide])
  useEffect(() => map?.select(search.sel ?? null), [map, search.sel])
  useEffect(() => map?.setPadding(padding), [map, padding.top, padding.right, padding.bottom, padding.left])
  useEffect(() => map?.follow(search.follow === true && search.sel !== undefined), [map, search.follow, search.sel])

  return { map, hover, problem }
}

const round = (value: number, digits: number) => Number(value.toFixed(digits))
