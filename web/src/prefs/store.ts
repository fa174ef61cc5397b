// A value outside React with listeners; `useStore` reads it through useSyncExternalStore.
import { useSyncExternalStore } from 'react'

export interface Store<T> {
  get(): T
  set(next: T | ((current: T) => T)): void
  subscribe(listener: () => void): () => void
}

export function createStore<T>(initial: T): Store<T> {
  let value = initial
  const listeners = new Set<() => void>()
  return {
    get: () => value,
    set(next) {
      const resolved = typeof next === 'function' ? (next as (current: T) => T)(value) : next
      if (Object.is(resolved, value)) return
      value = resolved
      for (const listener of listeners) listener()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** A store that survives reloads in localStorage; what cannot be read back is replaced by the initial value. */
export function createPersistentStore<T>(key: string, initial: T, read: (raw: unknown) => T): Store<T> {
  let start = initial
  try {
    const raw = globalThis.localStorage?.getItem(key)
    if (raw) start = read(JSON.parse(raw))
  } catch {
    // Storage may be blocked or hold something else; the preference then lives for this visit only.
  }
  const store = createStore(start)
  store.subscribe(() => {
    try {
      globalThis.localStorage?.setItem(key, JSON.stringify(store.get()))
    } catch {
      // See above.
    }
  })
  return store
}

export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.get, store.get)
}
