import { useMemo, useRef, useState } from 'react'
import { formatNumber } from '../format/numbers'
import { useTheme } from '../prefs/preferences'
import { Figure } from './Figure'
import { DAY_HOURS, hourlyMeans, WEEK, weekGrid } from './figures'
import { DAYS, hourText, slotChosen, toggle, toggleSlot } from './filters'
import { sequentialColor, sequentialGradient } from './sequential'
import { weekTable } from './tables'
import type { ExploreModel } from './useExplore'
import column from './Column.module.css'
import styles from './WeekHeat.module.css'

/** The emptiest slot must stand out from the panel. */
const LEAST = 0.12

type Place = [day: number, hour: number]

const MOVES: Record<string, Place> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
}

/** The mean number of aircraft in each hour of the week; an hour, a day or a slot filters the other figures. */
export function WeekHeat({ model }: { model: ExploreModel }) {
  const { figures, filters, set } = model
  const theme = useTheme()
  const body = useRef<HTMLTableElement>(null)
  const grid = useMemo(() => (figures.data ? weekGrid(figures.data.hours) : null), [figures.data])
  const known = useMemo(() => (grid ?? []).flat().filter(mean => mean !== null), [grid])
  const [least, most] = [Math.min(...known), Math.max(...known)]
  const hourly = useMemo(() => hourlyMeans(grid ?? []), [grid])
  const hourMost = Math.max(1, ...hourly.map(mean => mean ?? 0))
  const [cursor, setCursor] = useState<Place>([-1, -1])
  const [pointed, setPointed] = useState<Place | null>(null)
  const chosen = filters.dow !== undefined || filters.hour !== undefined
  const first = useMemo(() => firstPlace(grid), [grid])
  const at = grid?.[cursor[0]]?.[cursor[1]] == null ? first : cursor

  // One stop of the tab key for the whole week; arrows go from slot to slot, over what is empty.
  const move = (event: React.KeyboardEvent) => {
    const step = MOVES[event.key]
    if (!step || !grid) return
    event.preventDefault()
    let [day, hour] = at
    do {
      day += step[0]
      hour += step[1]
    } while (grid[day]?.[hour] === null)
    if (grid[day]?.[hour] === undefined) return
    setCursor([day, hour])
    body.current?.querySelector<HTMLButtonElement>(`[data-slot="${day}-${hour}"]`)?.focus()
  }

  const mean = pointed && grid ? grid[pointed[0]][pointed[1]] : null
  return (
    <Figure
      model={model}
      name="hours"
      title="When the sky is full"
      meaning="mean aircraft, UTC"
      sentence={grid ? sentence(grid) : ''}
      table={grid ? () => weekTable(grid) : null}
      readout={
        pointed && mean !== null ? (
          <>
            {DAYS[pointed[0]].slice(0, 3)} {hourText(pointed[1])} <b>{formatNumber(mean)}</b> aircraft
          </>
        ) : null
      }
    >
      <div className={styles.heat}>
        <table ref={body} data-chosen={chosen || undefined} data-hours={filters.hour ? true : undefined}>
          <tbody>
            <tr className={styles.hours}>
              <td aria-hidden />
              {hourly.map((mean, hour) => (
                <th key={hour} scope="col">
                  <button
                    type="button"
                    aria-label={`${hourText(hour)} UTC${mean === null ? ', no data' : `, ${formatNumber(mean)} aircraft`}`}
                    aria-pressed={filters.hour?.includes(hour) ?? false}
                    title={mean === null ? undefined : `${hourText(hour)}: ${formatNumber(mean)} aircraft on average`}
                    onClick={() => set({ hour: toggle(filters.hour, hour) })}
                  >
                    {mean !== null && <i className={column.column} style={{ height: `${(mean / hourMost) * 100}%` }} />}
                  </button>
                </th>
              ))}
            </tr>
            {WEEK.map((dow, day) => (
              <tr key={dow}>
                <th scope="row">
                  <button
                    type="button"
                    aria-pressed={filters.dow?.includes(dow) ?? false}
                    aria-label={DAYS[day]}
                    onClick={() => set({ dow: toggle(filters.dow, dow) })}
                  >
                    {DAYS[day].slice(0, 3)}
                  </button>
                </th>
                {DAY_HOURS.map(hour => {
                  const value = grid?.[day][hour] ?? null
                  if (value === null) return <td key={hour} className={styles.empty} aria-label="no data" />
                  return (
                    <td key={hour}>
                      <button
                        type="button"
                        data-slot={`${day}-${hour}`}
                        tabIndex={at[0] === day && at[1] === hour ? 0 : -1}
                        aria-pressed={slotChosen(filters, dow, hour)}
                        aria-label={`${DAYS[day]} ${hourText(hour)}: ${formatNumber(value)} aircraft`}
                        style={{
                          background: sequentialColor(
                            LEAST + (1 - LEAST) * (most > least ? (value - least) / (most - least) : 0.6),
                            theme,
                          ),
                        }}
                        onKeyDown={move}
                        onFocus={() => {
                          setCursor([day, hour])
                          setPointed([day, hour])
                        }}
                        onBlur={() => setPointed(null)}
                        onMouseEnter={() => setPointed([day, hour])}
                        onMouseLeave={() => setPointed(null)}
                        onClick={() => set(toggleSlot(filters, dow, hour))}
                      />
                    </td>
                  )
                })}
              </tr>
            ))}
            <tr className={styles.labels} aria-hidden>
              <td aria-hidden />
              {DAY_HOURS.map(hour => (
                <td key={hour}>{hour % 3 === 0 && <span>{String(hour).padStart(2, '0')}</span>}</td>
              ))}
            </tr>
          </tbody>
        </table>
        <div className={styles.legend} aria-hidden>
          {known.length > 0 && (
            <>
              {formatNumber(least)}
              <i style={{ background: sequentialGradient(theme, LEAST) }} />
              {formatNumber(most)}
            </>
          )}
          {known.length > 0 && known.length < 168 && (
            <span>
              <i className={styles.empty} /> not in this period
            </span>
          )}
        </div>
      </div>
    </Figure>
  )
}

function firstPlace(grid: (number | null)[][] | null): Place {
  const day = grid?.findIndex(hours => hours.some(mean => mean !== null)) ?? -1
  return day < 0 || !grid ? [-1, -1] : [day, grid[day].findIndex(mean => mean !== null)]
}

function sentence(grid: (number | null)[][]): string {
  const all = grid.flatMap((hours, day) => hours.flatMap((mean, hour) => (mean === null ? [] : [{ day, hour, mean }])))
  if (all.length === 0) return 'No hour of the week in what is chosen.'
  const fullest = all.reduce((best, slot) => (slot.mean > best.mean ? slot : best))
  const emptiest = all.reduce((best, slot) => (slot.mean < best.mean ? slot : best))
  const name = ({ day, hour, mean }: (typeof all)[number]) =>
    `${DAYS[day]} ${hourText(hour)} UTC with ${formatNumber(mean)} aircraft`
  return `The sky is fullest on ${name(fullest)}, emptiest on ${name(emptiest)}.`
}
