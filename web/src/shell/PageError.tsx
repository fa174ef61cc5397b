import type { ErrorComponentProps } from '@tanstack/react-router'
import button from '../ui/Button.module.css'
import styles from './Notice.module.css'

/** A page that failed to load or to draw; the rail and the status bar stay usable. */
export function PageError({ error, reset }: ErrorComponentProps) {
  return (
    <div className={styles.notice} role="alert">
      <h1>This page could not be shown</h1>
      <p>{error instanceof Error ? error.message : String(error)}</p>
      <button type="button" className={button.primary} onClick={() => (reset ? reset() : location.reload())}>
        Try again
      </button>
    </div>
  )
}
