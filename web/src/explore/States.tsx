// What the page says when there is nothing to draw: no data, nothing that matches, an answer that did not come.
import { Link } from '@tanstack/react-router'
import { ApiError } from '../api/client'
import button from '../ui/Button.module.css'
import { isFiltered, NO_FILTERS } from './filters'
import styles from './States.module.css'
import type { ExploreModel } from './useExplore'

/** What went wrong, as sentences. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return 'The server gave no answer.'
  const detail = error instanceof ApiError ? error.detail : null
  return [error.message, detail]
    .filter(Boolean)
    .map(text => `${text}`.replace(/\.?$/, '.'))
    .join(' ')
}

interface EmptyPageProps {
  title: string
  text: string
  alert?: boolean
  action?: string
  onAction?: () => void
}

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

/** One line above the figures: the filter or the period leaves nothing, and what undoes it. */
export function NothingMatches({ model }: { model: ExploreModel }) {
  const { figures, filters, set } = model
  if (!figures.data || figures.isPlaceholderData || figures.data.kpis.observations > 0) return null
  const filtered = isFiltered(filters)
  return (
    <div className={styles.strip} role="status">
      <b>{filtered ? 'Nothing matches' : 'Nothing was recorded in this period'}</b>
      <span>
        {filtered
          ? 'No observation of this period has everything that is chosen.'
          : 'The lake has no hour of it. The last 24 hours are one click away.'}
      </span>
      <button
        type="button"
        className={button.outlined}
        onClick={() => set(filtered ? NO_FILTERS : { range: undefined, from: undefined, to: undefined })}
      >
        {filtered ? 'Clear the filters' : 'Show the last 24 hours'}
      </button>
    </div>
  )
}

/** The newest question failed; what is shown is older. */
export function Stale({ model: { figures } }: { model: ExploreModel }) {
  if (!figures.error || !figures.data) return null
  return (
    <div className={styles.strip} role="alert" data-tone="bad">
      <b>Not up to date</b>
      <span>{errorText(figures.error)} These are the figures before.</span>
      <button type="button" className={button.outlined} onClick={() => void figures.refetch()}>
        Try again
      </button>
    </div>
  )
}
