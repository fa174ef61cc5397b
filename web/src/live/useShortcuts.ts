import { useEffect, useRef } from 'react'
import { isTyping } from '../shell/HelpDialog'

export interface Shortcuts {
  search: () => void
  move: (step: 1 | -1) => void
  enter: () => void
  follow: () => void
  escape: () => void
  live: () => void
  globe: () => void
}

/** The keys of the Live page; see HelpDialog for what they say of themselves. */
export function useShortcuts(shortcuts: Shortcuts) {
  const latest = useRef(shortcuts)
  latest.current = shortcuts
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey || document.querySelector('dialog[open]')) return
      const { current } = latest
      if (event.key === 'Escape') {
        // An open popover takes Escape for itself.
        if (!document.querySelector(':popover-open')) current.escape()
        return
      }
      if (isTyping(event.target)) return
      const actions: Record<string, () => void> = {
        '/': current.search,
        j: () => current.move(1),
        k: () => current.move(-1),
        f: current.follow,
        l: current.live,
        g: current.globe,
        Enter: current.enter,
      }
      const action = actions[event.key]
      // Enter on a button or a link belongs to it.
      if (
        !action ||
        (event.key === 'Enter' && event.target instanceof Element && event.target.closest('button, a, input'))
      )
        return
      event.preventDefault()
      action()
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [])
}
