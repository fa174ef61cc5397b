import { CalendarRange, ChevronDown } from 'lucide-react'
import { useRef, useState } from 'react'
import { useZone } from '../prefs/preferences'
import { serverNow } from '../sky/clock'
import {
  chosenPreset,
  fromInput,
  lengthText,
  offeredPresets,
  periodText,
  PRESET_NAMES,
  toInput,
  wholeHours,
  type Period,
} from './period'
import styles from './PeriodControl.module.css'
import { instantText } from './search'
import type { ExploreModel } from './useExplore'

const POPOVER = 'explore-period'

/** The period of all figures: a few that end now, or any that the lake covers. */
export function PeriodControl({ model, covered }: { model: ExploreModel; covered: Period }) {
  const { search, set, period } = model
  const zone = useZone()
  const popover = useRef<HTMLDivElement>(null)
  const preset = chosenPreset(search)
  const nowMs = serverNow() * 1000
  const close = () => popover.current?.hidePopover()
  if (!period) return null
  return (
    <div className={styles.control}>
      <button type="button" className={styles.button} popoverTarget={POPOVER} aria-label="Period">
        <CalendarRange size={15} strokeWidth={1.75} aria-hidden />
        {preset && <b>{PRESET_NAMES[preset]}</b>}
        <span data-alone={!preset || undefined}>{periodText(period, zone, nowMs)}</span>
        <ChevronDown size={15} strokeWidth={1.75} aria-hidden />
      </button>
      <div ref={popover} id={POPOVER} popover="auto" className={styles.popover} role="dialog" aria-label="Period">
        <ul className={styles.presets}>
          {offeredPresets(covered, preset).map(name => (
            <li key={name}>
              <button
                type="button"
                aria-pressed={name === preset}
                onClick={() => {
                  set({ range: name === '24h' ? undefined : name, from: undefined, to: undefined })
                  close()
                }}
              >
                {PRESET_NAMES[name]}
              </button>
            </li>
          ))}
        </ul>
        <Custom
          // A fresh form whenever the period that it starts from is another.
          key={`${period.from}-${period.to}-${zone}`}
          period={period}
          covered={covered}
          onApply={({ from, to }) => {
            set({ range: undefined, from: instantText(from), to: instantText(to) })
            close()
          }}
        />
        <p className={styles.covered}>
          The lake holds {lengthText(covered)}: {periodText(covered, zone, nowMs)}. Figures count whole hours.
        </p>
      </div>
    </div>
  )
}

interface CustomProps {
  period: Period
  covered: Period
  onApply: (period: Period) => void
}

function Custom({ period, covered, onApply }: CustomProps) {
  const zone = useZone()
  const [from, setFrom] = useState(toInput(period.from, zone))
  const [to, setTo] = useState(toInput(period.to, zone))
  const [problem, setProblem] = useState<string | null>(null)
  const limits = { min: toInput(covered.from, zone), max: toInput(covered.to, zone), step: 3600 }
  const apply = (event: React.FormEvent) => {
    event.preventDefault()
    const asked = { from: fromInput(from, zone), to: fromInput(to, zone) }
    if (!Number.isFinite(asked.from) || !Number.isFinite(asked.to)) return setProblem('Both times are needed.')
    if (asked.from >= asked.to) return setProblem('The period must begin before it ends.')
    if (asked.to <= covered.from || asked.from >= covered.to) return setProblem('The lake has nothing of this period.')
    setProblem(null)
    onApply(wholeHours({ from: Math.max(asked.from, covered.from), to: Math.min(asked.to, covered.to) }))
  }
  return (
    <form className={styles.custom} onSubmit={apply} noValidate>
      <label>
        From
        <input type="datetime-local" value={from} {...limits} onChange={event => setFrom(event.target.value)} />
      </label>
      <label>
        To
        <input type="datetime-local" value={to} {...limits} onChange={event => setTo(event.target.value)} />
      </label>
      {problem && <p role="alert">{problem}</p>}
      <button type="submit">Show this period</button>
    </form>
  )
}
