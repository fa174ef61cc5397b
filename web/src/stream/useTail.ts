// The messages of the page: those that come in at the end, or those from a time on, page by page.
import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { getJson } from '../api/client'
import { usePageVisible } from '../ui/usePageVisible'
import type { TailAnswer } from './answers'
import type { StreamSearch } from './search'
import { askTail, FIRST, follow, NOTHING, take, type TailState } from './tail'

/** `stream`: names where offsets count; what was read of another one is no part of this one. */
export function useTail({ icao24, from, paused }: StreamSearch, stream: string): TailState {
  const [state, setState] = useState(NOTHING)
  const visible = usePageVisible()
  const answered = useRef('')
  const key = `${stream} ${icao24 ?? ''}`
  useEffect(() => setState(NOTHING), [key])
  useEffect(() => {
    // What is paused keeps what it shows; opened in that state, it shows the end as it is then.
    if (from !== undefined || !visible || (paused && answered.current === key)) return
    const abort = new AbortController()
    void follow(askTail(abort.signal), {
      icao24,
      once: paused ?? false,
      signal: abort.signal,
      onAnswer: (answer, jumped) => {
        answered.current = key
        setState(current => take(current, answer, jumped))
      },
      onError: error => setState(current => ({ ...current, error })),
    })
    return () => abort.abort()
  }, [key, from, paused, visible])
  return state
}

/** Reading on from a time, oldest first. */
export const useReading = ({ icao24, from }: StreamSearch) =>
  useInfiniteQuery({
    queryKey: ['/stream/tail', icao24, from],
    queryFn: ({ pageParam, signal }) =>
      getJson<TailAnswer>(
        '/stream/tail',
        { limit: FIRST, icao24, ...(pageParam === null ? { from } : { after: pageParam }) },
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: last => last.next,
    enabled: from !== undefined,
    refetchOnMount: false,
  })
