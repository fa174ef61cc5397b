// What the page asks the server: what is covered, the figures, the period before, the density of the map.
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useMemo } from 'react'
import { getJson, type Query } from '../api/client'
import type { DensityAnswer, ExploreAnswer, RangeAnswer } from './answers'
import { filtersOf } from './filters'
import { coveredPeriod, resolvePeriod, type Period } from './period'
import type { ExploreSearch } from './search'

const REFRESH_MS = 60_000

export const useExploreSearch = () => useSearch({ from: '/explore' })

/** Changes a part of the address. `push` makes a step that the back button undoes. */
export function useSetExploreSearch() {
  const navigate = useNavigate({ from: '/explore' })
  return useCallback(
    (change: Partial<ExploreSearch>, push = true) =>
      void navigate({ to: '/explore', search: current => ({ ...current, ...change }), replace: !push }),
    [navigate],
  )
}

export type SetSearch = ReturnType<typeof useSetExploreSearch>

const askPeriod = (period: Period, filters: Query): Query => ({
  from: new Date(period.from).toISOString(),
  to: new Date(period.to).toISOString(),
  ...filters,
})

function useAnswer<T>(path: string, query: Query | null) {
  return useQuery({
    queryKey: [path, query],
    queryFn: ({ signal }) => getJson<T>(path, query ?? {}, signal),
    enabled: query !== null,
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
    // Looking for what stayed the same among a hundred thousand cells costs more than drawing them again.
    structuralSharing: false,
  })
}

export function useExplore() {
  const search = useExploreSearch()
  const set = useSetExploreSearch()
  const { country, airline, band, dow, hour } = search
  const filtersKey = JSON.stringify([country, airline, band, dow, hour])
  const filters = useMemo(() => filtersOf({ country, airline, band, dow, hour }), [filtersKey])
  const range = useAnswer<RangeAnswer>('/explore/range', {})
  const covered = useMemo(() => (range.data ? coveredPeriod(range.data) : null), [range.data])
  const period = useMemo(
    () => (covered ? resolvePeriod(search, covered) : null),
    [covered, search.range, search.from, search.to],
  )
  const query = useMemo(() => period && askPeriod(period, { ...filters }), [period, filters])
  const figures = useAnswer<ExploreAnswer>('/explore', query)
  const density = useAnswer<DensityAnswer>('/explore/density', query)

  // The dashed line: only asked for when the answer says that the period before is covered.
  const compared = period !== null && figures.data?.previous != null
  const earlier = useMemo(
    () =>
      compared && period ? askPeriod({ from: 2 * period.from - period.to, to: period.from }, { ...filters }) : null,
    [compared, period, filters],
  )
  const before = useAnswer<ExploreAnswer>('/explore', earlier)

  return {
    search,
    set,
    filters,
    range,
    covered,
    period,
    figures,
    density,
    before: compared && !before.isPlaceholderData ? (before.data ?? null) : null,
  }
}

export type ExploreModel = ReturnType<typeof useExplore>
