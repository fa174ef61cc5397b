import { CalendarRange, ChevronDown } from 'lucide-react'
import { useRef, useState } from 'react'
import { useZone } from '../prefs/preferences'
import { serverNow } from '../sky/clock'
import button from '../ui/Button.module.css'
import { hourText } from './filters'
import {
  chosenPreset,
  customPeriod,
  fromInput,
  lengthText,
  offeredPresets,
  periodText,
  PRESET_NAMES,
  toInput,
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
      <button
        type="button"
        className={`${button.outlined} ${styles.button}`}
        popoverTarget={POPOVER}
        aria-label="Period"
      >
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
                className={button.outlined}
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
          // A fresh form whenever another period is chosen; one that goes on with the clock leaves it alone.
          key={preset ? `${preset}-${zone}` : `${period.from}-${period.to}-${zone}`}
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

const HOURS = Array.from({ length: 24 }, (_, hour) => hourText(hour))

/** A day and an hour for both ends: figures count whole hours. */
function Custom({ period, covered, onApply }: CustomProps) {
  const zone = useZone()
  const [from, setFrom] = useState(toInput(period.from, zone))
  const [to, setTo] = useState(toInput(period.to, zone))
  const [problem, setProblem] = useState<string | null>(null)
  const apply = (event: React.FormEvent) => {
    event.preventDefault()
    const asked = customPeriod(fromInput(from, zone), fromInput(to, zone), covered)
    if (typeof asked === 'string') return setProblem(asked)
    setProblem(null)
    onApply(asked)
  }
  const limits = { min: toInput(covered.from, zone).slice(0, 10), max: toInput(covered.to, zone).slice(0, 10) }
  return (
    <form className={styles.custom} onSubmit={apply} noValidate>
      <End name="From" value={from} limits={limits} onChange={setFrom} />
      <End name="To" value={to} limits={limits} onChange={setTo} />
      {problem && <p role="alert">{problem}</p>}
      <button type="submit" className={button.primary}>
        Show this period
      </button>
    </form>
  )
}

interface EndProps {
  name: string
  /** "2026-03-14T09:00" */
  value: string
  limits: { min: string; max: string }
  onChange: (value: string) => void
}

function End({ name, value, limits, onChange }: EndProps) {
  const [day, hour] = value.split('T')
  return (
    <fieldset>
      <legend>{name}</legend>
      <input
        type="date"
        aria-label={`${name}, day`}
        value={day}
        {...limits}
        onChange={event => onChange(`${event.target.value}T${hour}`)}
      />
      <select aria-label={`${name}, hour`} value={hour} onChange={event => onChange(`${day}T${event.target.value}`)}>
        {HOURS.map(text => (
          <option key={text}>{text}</option>
        ))}
      </select>
    </fieldset>
  )
}
