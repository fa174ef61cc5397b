import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback } from 'react'
import type { LiveSearch } from './search'

export const useLiveSearch = () => useSearch({ from: '/live' })

/** Changes a part of the address. `push` makes a step that the back button undoes. */
export function useSetLiveSearch() {
  const navigate = useNavigate({ from: '/live' })
  return useCallback(
    (change: Partial<LiveSearch>, push = false) =>
      void navigate({ to: '/live', search: current => ({ ...current, ...change }), replace: !push }),
    [navigate],
  )
}
