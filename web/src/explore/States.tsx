// What the page says above its figures: nothing matches, or an answer did not come.
import { errorText } from '../api/errorText'
import button from '../ui/Button.module.css'
import styles from '../ui/Strip.module.css'
import { isFiltered, NO_FILTERS } from './filters'
import type { ExploreModel } from './useExplore'

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
