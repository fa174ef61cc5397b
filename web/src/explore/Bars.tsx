import { formatNumber, plural } from '../format/numbers'
import type { Ranked } from './answers'
import styles from './Bars.module.css'
import { changeText } from './Change'
import { Figure } from './Figure'
import { toggle } from './filters'
import { lengthText } from './period'
import { listTable } from './tables'
import type { ExploreModel } from './useExplore'

const MOST_BARS = 120

const WORDS = {
  country: { figure: 'countries', title: 'Countries', column: 'Country', one: 'country', many: 'countries' },
  airline: { figure: 'airlines', title: 'Airlines', column: 'Airline', one: 'airline', many: 'airlines' },
} as const

export interface BarsProps {
  model: ExploreModel
  dimension: 'country' | 'airline'
}

/** Aircraft by country of registry or by airline, most first; every bar filters the other figures. */
export function Bars({ model, dimension }: BarsProps) {
  const { figures, filters, period, set } = model
  const words = WORDS[dimension]
  const answer = figures.data
  const rows = dimension === 'country' ? answer?.countries : answer?.airlines
  const chosen = filters[dimension]
  const most = Math.max(1, ...(rows ?? []).map(row => row.aircraft))
  const compared = rows?.some(row => row.previous !== null) ?? false
  // What is chosen stays in sight however few aircraft it has.
  const shown = rows?.filter((row, i) => i < MOST_BARS || chosen?.includes(row.code)) ?? []
  const hidden = (rows?.length ?? 0) - shown.length
  return (
    <Figure
      model={model}
      name={words.figure}
      title={words.title}
      meaning={dimension === 'country' ? 'of registry, aircraft' : 'by callsign, aircraft'}
      sentence={rows ? sentence(rows, words) : ''}
      table={rows ? () => listTable(rows, words.column) : null}
    >
      {rows?.length === 0 ? (
        <p className={styles.none}>No {words.one} in what is chosen.</p>
      ) : (
        <ul className={styles.bars} data-chosen={chosen ? true : undefined} data-compared={compared || undefined}>
          {shown.map(row => {
            const { code } = row
            const pressed = chosen?.includes(code) ?? false
            return (
              <li key={code}>
                <button
                  type="button"
                  aria-pressed={pressed}
                  title={
                    row.previous === null || !period
                      ? plural(row.observations, 'observation')
                      : `${plural(row.observations, 'observation')}; ${plural(row.previous, 'aircraft', 'aircraft')} in the ${lengthText(period)} before`
                  }
                  onClick={() => set({ [dimension]: toggle(chosen, code) })}
                >
                  <code>{code}</code>
                  <span className={styles.name}>{row.name === code ? '' : row.name}</span>
                  <span className={styles.track} aria-hidden>
                    <i style={{ width: `${(row.aircraft / most) * 100}%` }} />
                  </span>
                  <b>{formatNumber(row.aircraft)}</b>
                  {compared && (
                    <span className={styles.change}>
                      {row.previous === null ? '' : changeText(row.aircraft, row.previous)}
                    </span>
                  )}
                </button>
              </li>
            )
          })}
          {hidden > 0 && (
            <li>
              <button
                type="button"
                className={styles.more}
                onClick={() => set({ table: [...(model.search.table ?? []), words.figure] }, false)}
              >
                {formatNumber(hidden)} more in the table
              </button>
            </li>
          )}
        </ul>
      )}
    </Figure>
  )
}

function sentence(rows: readonly Ranked[], words: (typeof WORDS)['country' | 'airline']): string {
  if (rows.length === 0) return `No ${words.one} in what is chosen.`
  const first = rows.slice(0, 3).map(row => `${row.name} ${formatNumber(row.aircraft)}`)
  return `${words.title} by aircraft: ${first.join(', ')}; ${plural(rows.length, words.one, words.many)} in all.`
}
