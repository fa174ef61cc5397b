import { useSyncExternalStore } from 'react'

const subscribe = (changed: () => void) => {
  document.addEventListener('visibilitychange', changed)
  return () => document.removeEventListener('visibilitychange', changed)
}

/** Whether anybody can see the page; what asks again and again stops while nobody can. */
export const usePageVisible = () => useSyncExternalStore(subscribe, () => !document.hidden)
