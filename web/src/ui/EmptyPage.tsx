import { Link } from '@tanstack/react-router'
import button from './Button.module.css'
import styles from './EmptyPage.module.css'

interface EmptyPageProps {
  title: string
  text: string
  alert?: boolean
  action?: string
  onAction?: () => void
}

/** What a page says when there is nothing to draw on it, and what to do. */
export function EmptyPage({ title, text, alert, action, onAction }: EmptyPageProps) {
  return (
    <div className={styles.empty} role={alert ? 'alert' : undefined}>
      <svg viewBox="0 0 220 70" width="220" height="70" aria-hidden>
        <path d="M8 60c50-2 78-14 102-30s52-22 96-22" />
        <circle cx="206" cy="8" r="4.5" />
      </svg>
      <h2>{title}</h2>
      <p>{text}</p>
      {action ? (
        <button type="button" className={button.primary} onClick={onAction}>
          {action}
        </button>
      ) : (
        <Link to="/live" className={button.primary}>
          Open the live map
        </Link>
      )}
    </div>
  )
}
