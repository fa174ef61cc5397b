import { useEffect, useState } from 'react'

/** Re-renders the component that asks, every `milliseconds`; for ages and countdowns in what is visible. */
export function useTick(milliseconds = 1000) {
  const [, tick] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) tick(count => count + 1)
    }, milliseconds)
    return () => clearInterval(timer)
  }, [milliseconds])
}
