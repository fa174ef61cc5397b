// What the Live page shows, derived from sky, address and view: which rows the filter leaves, which are on the screen.
import { useEffect, useMemo, useRef, useState } from 'react'
import { skyNow } from '../sky/clock'
import { icaoText, isEmergency, type Frame } from '../sky/codec'
import type { Identities } from '../sky/identity'
import { useSky, watchSky } from '../sky/skyStore'
import { updateDeparted, type Departed } from './departed'
import { ALTITUDE_TOP, isFiltering, shownRows, type Filter } from './filter'
import { CATEGORIES, type LiveSearch, type Sort } from './search'
import { useLiveSearch, useSetLiveSearch } from './useLiveSearch'
import { inView, rowsInView, sortRows, type View } from './view'

/** A line of the list: an aircraft of the frame, or one that has left the sky. */
export type Entry = { icao24: number; row: number; departed: null } | { icao24: number; row: -1; departed: Departed }

export interface LiveModel {
  frame: Frame | null
  identities: Identities
  identityRev: number
  /** Why the newest frame could not be had. */
  frameError: string | null
  filter: Filter
  filtering: boolean
  shown: Uint8Array<ArrayBuffer>
  shownCount: number
  sort: Sort
  view: View | null
  setView: (view: View) => void
  entries: Entry[]
  inView: number
  search: LiveSearch
  set: (change: Partial<LiveSearch>, push?: boolean) => void
  departed: ReadonlyMap<number, Departed>
}

const NONE = new Uint8Array()

export function useLiveModel(): LiveModel {
  useEffect(watchSky, [])
  const sky = useSky()
  const search = useLiveSearch()
  const set = useSetLiveSearch()
  const [view, setView] = useState<View | null>(null)
  const departed = useDeparted(sky.frame)
  const sort = search.sort ?? 'near'

  const filter = useMemo<Filter>(
    () => ({
      query: search.q ?? '',
      categories: search.cat ?? CATEGORIES,
      altitude: search.alt ?? [0, ALTITUDE_TOP],
    }),
    [search.q, search.cat, search.alt],
  )
  const { frame, identities, identityRev } = sky
  const shown = useMemo(
    () => (frame ? shownRows(frame, identities, filter) : NONE),
    [frame, identities, identityRev, filter],
  )
  const shownCount = useMemo(() => shown.reduce((sum, one) => sum + one, 0), [shown])
  const rows = useMemo(() => (frame && view ? rowsInView(frame, shown, view, skyNow()) : []), [frame, shown, view])
  const entries = useMemo(() => {
    if (!frame || !view) return []
    const pinned = emergencies(frame)
    const seen = new Set(pinned)
    const rest = sortRows(
      rows.filter(row => !seen.has(row)),
      frame,
      identities,
      sort,
      view,
      skyNow(),
    )
    const gone = [...departed.values()].filter(
      one => inView(view, one.lat, one.lon) && matchesWords(one.icao24, identities, filter.query),
    )
    return [
      ...[...pinned, ...rest].map((row): Entry => ({ icao24: frame.icao24[row], row, departed: null })),
      ...gone.toReversed().map((one): Entry => ({ icao24: one.icao24, row: -1, departed: one })),
    ]
  }, [frame, view, rows, identities, identityRev, sort, departed, filter.query])

  return {
    frame,
    identities,
    identityRev,
    frameError: sky.error,
    filter,
    filtering: isFiltering(filter),
    shown,
    shownCount,
    sort,
    view,
    setView,
    entries,
    inView: rows.length,
    search,
    set,
    departed,
  }
}

/** Emergencies stay on top of the list, wherever the map is. */
function emergencies(frame: Frame): number[] {
  const rows: number[] = []
  for (let row = 0; row < frame.n; row++) if (isEmergency(frame, row)) rows.push(row)
  return rows
}

function matchesWords(icao24: number, identities: Identities, query: string): boolean {
  const haystack = identities.get(icao24)?.haystack ?? icaoText(icao24)
  return query
    .toLowerCase()
    .split(/\s+/)
    .every(word => haystack.includes(word))
}

function useDeparted(frame: Frame | null): ReadonlyMap<number, Departed> {
  const before = useRef<Frame | null>(null)
  const [departed, setDeparted] = useState<ReadonlyMap<number, Departed>>(() => new Map())
  useEffect(() => {
    if (!frame) return
    const previous = before.current
    before.current = frame
    setDeparted(known => {
      const next = updateDeparted(known, previous, frame)
      return next.size === 0 && known.size === 0 ? known : next
    })
  }, [frame])
  return departed
}
