import { useQuery } from '@tanstack/react-query'
import { getJson } from '../api/client'
import type { AircraftAnswer, Timeline, TrackAnswer } from '../api/types'
import { currentFlight, isDrawable } from './trails'

const MINUTE = 60_000
/** How often the lake is asked again for what it does not hold yet: often for two minutes, then now and then. */
const SOON = 5_000
const again = ({ dataUpdateCount, errorUpdateCount }: { dataUpdateCount: number; errorUpdateCount: number }) =>
  dataUpdateCount + errorUpdateCount < 24 ? SOON : MINUTE

/** What the lake knows of an aircraft: who it is, when it was seen. */
export const useAircraft = (icao24: string | null) =>
  useQuery({
    queryKey: ['aircraft', icao24],
    queryFn: ({ signal }) => getJson<AircraftAnswer>(`/aircraft/${icao24}`, {}, signal),
    enabled: icao24 !== null,
    staleTime: MINUTE,
    refetchInterval: ({ state }) => (state.data ? false : again(state)),
  })

/** Its way of the last 24 hours, from the lake. */
export const useTrack = (icao24: string | null) =>
  useQuery({
    queryKey: ['track', icao24],
    queryFn: ({ signal }) => getJson<TrackAnswer>(`/aircraft/${icao24}/track`, {}, signal),
    enabled: icao24 !== null,
    staleTime: MINUTE,
    refetchInterval: ({ state }) =>
      state.data && isDrawable(currentFlight(state.data.columns)) ? 2 * MINUTE : again(state),
  })

/** Aircraft per ten minutes of the last day. */
export const useTimeline = (hours: number) =>
  useQuery({
    queryKey: ['timeline', hours],
    queryFn: ({ signal }) => getJson<Timeline>('/timeline', { hours }, signal),
    refetchInterval: MINUTE,
  })
