import { useMemo, useRef } from 'react'
import { formatNumber } from '../format/numbers'
import { measureText, toUnit, UNITS } from '../format/units'
import { useTheme, useUnits, type Units } from '../prefs/preferences'
import { altitudeColor, rampStops } from '../theme/ramp'
import styles from './AltitudeFilter.module.css'
import { ALTITUDE_TOP, altitudeHistogram, shownRows } from './filter'
import type { LiveModel } from './useLiveModel'

const BINS = 39
const HEIGHT = 34
const LEAST_SPAN = 500
const STEP = 100
const WIDTH = 300

/** Altitudes of the sky: legend of the colours, histogram and filter with two handles in one. */
export function AltitudeFilter({ model }: { model: LiveModel }) {
  const { frame, identities, filter, set } = model
  const units = useUnits()
  const theme = useTheme()
  const box = useRef<HTMLDivElement>(null)
  const [low, high] = filter.altitude
  const counts = useMemo(
    () =>
      frame
        ? altitudeHistogram(frame, shownRows(frame, identities, filter, 'altitude'), BINS)
        : Array.from({ length: BINS }, () => 0),
    // The histogram obeys every other condition, not its own.
    [frame, identities, filter.query, filter.categories],
  )
  const most = Math.max(1, ...counts)

  const change = (nextLow: number, nextHigh: number) => {
    const all = nextLow <= 0 && nextHigh >= ALTITUDE_TOP
    set({ alt: all ? undefined : [nextLow, nextHigh] })
  }
  const moveLow = (metres: number) => change(clamp(metres, 0, high - LEAST_SPAN), high)
  const moveHigh = (metres: number) => change(low, clamp(metres, low + LEAST_SPAN, ALTITUDE_TOP))

  return (
    <div className={styles.filter}>
      <div className={styles.label}>
        <span>Altitude</span>
        <span>{low <= 0 && high >= ALTITUDE_TOP ? 'all' : rangeText(low, high, units)}</span>
      </div>
      <div className={styles.box} ref={box}>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden>
          {counts.map((count, i) => {
            const middle = ((i + 0.5) / BINS) * ALTITUDE_TOP
            const tall = count === 0 ? 0.6 : 2 + (HEIGHT - 2) * (count / most) ** 0.6
            return (
              <rect
                key={middle}
                x={(i * WIDTH) / BINS + 0.6}
                width={WIDTH / BINS - 1.2}
                y={HEIGHT - tall}
                height={tall}
                rx={0.8}
                fill={altitudeColor(middle, theme)}
                opacity={middle >= low && middle <= high ? 0.95 : 0.16}
              />
            )
          })}
        </svg>
        <svg className={styles.bar} viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden>
          <defs>
            <linearGradient id="altitude-ramp">
              {rampStops(theme, ALTITUDE_TOP).map(([share, color]) => (
                <stop key={share} offset={share} stopColor={color} />
              ))}
            </linearGradient>
          </defs>
          <rect width="100" height="4" fill="url(#altitude-ramp)" />
        </svg>
        <Handle name="Lowest altitude" value={low} units={units} box={box} onMove={moveLow} />
        <Handle name="Highest altitude" value={high} units={units} box={box} onMove={moveHigh} />
      </div>
      <Ticks units={units} />
    </div>
  )
}

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value))

const rangeText = (low: number, high: number, units: Units) =>
  high >= ALTITUDE_TOP
    ? `above ${measureText('altitude', low, units)}`
    : low <= 0
      ? `below ${measureText('altitude', high, units)}`
      : `${formatNumber(toUnit('altitude', low, units))} – ${measureText('altitude', high, units)}`

interface HandleProps {
  name: string
  value: number
  units: Units
  box: React.RefObject<HTMLDivElement | null>
  onMove: (metres: number) => void
}

const KEY_STEPS: Record<string, number> = {
  ArrowLeft: -STEP,
  ArrowDown: -STEP,
  ArrowRight: STEP,
  ArrowUp: STEP,
  PageDown: -1000,
  PageUp: 1000,
  Home: -ALTITUDE_TOP,
  End: ALTITUDE_TOP,
}

function Handle({ name, value, units, box, onMove }: HandleProps) {
  const drag = (event: React.PointerEvent<HTMLButtonElement>) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId) || !box.current) return
    const { left, width } = box.current.getBoundingClientRect()
    const share = clamp((event.clientX - left) / width, 0, 1)
    onMove(Math.round((share * ALTITUDE_TOP) / STEP) * STEP)
  }
  return (
    <button
      type="button"
      role="slider"
      className={styles.handle}
      aria-label={name}
      aria-valuemin={0}
      aria-valuemax={ALTITUDE_TOP}
      aria-valuenow={value}
      aria-valuetext={measureText('altitude', value, units)}
      style={{ left: `${(value / ALTITUDE_TOP) * 100}%` }}
      onPointerDown={event => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
      onKeyDown={event => {
        const step = KEY_STEPS[event.key]
        if (step === undefined) return
        event.preventDefault()
        onMove(value + step)
      }}
    />
  )
}

/** Round figures in the unit on screen, at their true places. */
function Ticks({ units }: { units: Units }) {
  const metric = units.altitude === 'metric'
  const { unit } = UNITS.altitude[units.altitude]
  const top = toUnit('altitude', ALTITUDE_TOP, units)
  const step = metric ? 3000 : 10_000
  const ticks = Array.from({ length: Math.floor(top / step) + 1 }, (_, i) => i * step)
  return (
    <div className={styles.ticks} aria-hidden>
      {ticks.map((value, i) => (
        <span key={value} style={{ left: `${(value / top) * 100}%` }}>
          {metric ? value / 1000 : formatNumber(value / 1000)}
          {i === ticks.length - 1 && (metric ? ' km' : ` 000 ${unit}`)}
        </span>
      ))}
    </div>
  )
}
