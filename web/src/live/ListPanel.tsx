import { AltitudeFilter } from './AltitudeFilter'
import { CategoryChips } from './CategoryChips'
import styles from './ListPanel.module.css'
import { Rows, type RowsProps } from './Rows'
import { SORTS, type Sort } from './search'
import type { LiveModel } from './useLiveModel'
import { formatCount } from '../format/numbers'

const SORT_NAMES: Record<Sort, string> = {
  near: 'Nearest the centre',
  name: 'Callsign',
  altitude: 'Highest',
  speed: 'Fastest',
  age: 'Oldest position',
}

export interface ListPanelProps extends Omit<RowsProps, 'entries' | 'model'> {
  model: LiveModel
}

/** Filters and the aircraft on the screen: the text form of the map. */
export function ListPanel({ model, ...rows }: ListPanelProps) {
  return (
    <div className={styles.body}>
      <CategoryChips model={model} />
      <AltitudeFilter model={model} />
      <header className={styles.header}>
        <h2>In view</h2>
        <b>{formatCount(model.inView)}</b>
        <label className={styles.sort}>
          <span className="visually-hidden">Sort by</span>
          <select value={model.sort} onChange={event => model.set({ sort: event.target.value as Sort })}>
            {SORTS.map(sort => (
              <option key={sort} value={sort}>
                {SORT_NAMES[sort]}
              </option>
            ))}
          </select>
        </label>
      </header>
      <Rows entries={model.entries} model={model} {...rows} />
    </div>
  )
}
