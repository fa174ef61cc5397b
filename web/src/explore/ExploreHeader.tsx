import { X } from 'lucide-react'
import { useUnits } from '../prefs/preferences'
import styles from './ExploreHeader.module.css'
import { chips, NO_FILTERS, toggle, type Chip } from './filters'
import { PeriodControl } from './PeriodControl'
import type { ExploreModel } from './useExplore'

/** Title, what is filtered, and the one control of time. */
export function ExploreHeader({ model }: { model: ExploreModel }) {
  const { filters, figures, set, covered } = model
  const units = useUnits()
  const list = chips(filters, figures.data, units)
  const remove = ({ dimension, value }: Chip) =>
    set({ [dimension]: toggle(filters[dimension] as (string | number)[] | undefined, value) })
  return (
    <header className={styles.header}>
      <h1>Explore</h1>
      {list.length === 0 ? (
        <p className={styles.hint}>Click any bar, altitude or hour to filter everything else</p>
      ) : (
        <ul className={styles.chips} aria-label="Filters">
          {list.map(chip => (
            <li key={`${chip.dimension}${chip.value}`}>
              <button type="button" aria-label={`Remove the filter ${chip.text}`} onClick={() => remove(chip)}>
                {chip.code && <code>{chip.code}</code>}
                {chip.text !== chip.code && <span>{chip.text}</span>}
                <X size={13} strokeWidth={2} aria-hidden />
              </button>
            </li>
          ))}
          <li>
            <button type="button" className={styles.clear} onClick={() => set(NO_FILTERS)}>
              Clear all
            </button>
          </li>
        </ul>
      )}
      {covered && <PeriodControl model={model} covered={covered} />}
    </header>
  )
}
