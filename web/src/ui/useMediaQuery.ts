import { useMemo, useSyncExternalStore } from 'react'

/** Whether a media query holds now, kept in step. */
export function useMediaQuery(query: string): boolean {
  const list = useMemo(() => matchMedia(query), [query])
  return useSyncExternalStore(
    changed => {
      list.addEventListener('change', changed)
      return () => list.removeEventListener('change', changed)
    },
    () => list.matches,
  )
}

export const usePhone = () => useMediaQuery('(max-width: 760px)')
export const useReducedMotion = () => useMediaQuery('(prefers-reduced-motion: reduce)')
