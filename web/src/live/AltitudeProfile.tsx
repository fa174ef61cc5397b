import { useMemo, useState } from 'react'
import { ApiError } from '../api/client'
import type { TrackAnswer, TrailPoints } from '../api/types'
import { formatNumber } from '../format/numbers'
import { formatHourMinute } from '../format/time'
import { fromUnit, measureText, toUnit, unitName } from '../format/units'
import { useTheme, useUnits, useZone, type Units } from '../prefs/preferences'
import { skyNow } from '../sky/clock'
import { altitudeColor, RAMP, ALTITUDE_STOPS, ALTITUDE_MAX } from '../theme/ramp'
import styles from './AltitudeProfile.module.css'
import { areaPath, linePath, nearestPoint, profileScale, runs, type Scale } from './profile'
import { currentFlight, isDrawable } from './trails'

const BOX = { width: 300, height: 76 }

export interface AltitudeProfileProps {
  track: TrackAnswer | null
  pending: boolean
  error: Error | null
}

/** Altitude over the current flight, out of the lake. */
export function AltitudeProfile({ track, pending, error }: AltitudeProfileProps) {
  const flight = useMemo(() => (track ? currentFlight(track.columns) : null), [track])
  if (flight && isDrawable(flight)) return <Profile flight={flight} />
  const text = pending
    ? 'Asking the lake for its way …'
    : error && !(error instanceof ApiError && error.status === 404)
      ? 'Its way could not be read from the lake.'
      : 'Nothing of its way is in the lake yet.'
  return (
    <div className={styles.none} data-pending={pending || undefined}>
      {text}
    </div>
  )
}

function Profile({ flight }: { flight: TrailPoints }) {
  const units = useUnits()
  const theme = useTheme()
  const zone = useZone()
  const [pointed, setPointed] = useState<number | null>(null)
  const scale = useMemo(() => profileScale(flight, skyNow(), BOX), [flight])
  const pieces = useMemo(() => runs(flight), [flight])
  const last = flight.t.length - 1
  const lastKnown = pieces.at(-1)?.last ?? last
  const at = pointed ?? lastKnown
  const metres = flight.alt[at]
  const start = formatHourMinute(scale.from, zone)
  return (
    <figure className={styles.profile}>
      <figcaption>
        <span>{pointed === null ? `Altitude since ${start}` : formatHourMinute(flight.t[at], zone)}</span>
        <span>{pointed === null ? 'from the lake' : measureText('altitude', metres, units)}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${BOX.width} ${BOX.height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Altitude since ${start}, last known ${measureText('altitude', flight.alt[lastKnown], units)}`}
        onPointerMove={event => {
          const { left, width } = event.currentTarget.getBoundingClientRect()
          const time = scale.from + ((event.clientX - left) / width) * (scale.to - scale.from)
          setPointed(nearestPoint(flight, time))
        }}
        onPointerLeave={() => setPointed(null)}
      >
        <defs>
          <linearGradient
            id="profile-ramp"
            x1="0"
            x2="0"
            y1={scale.y(0)}
            y2={scale.y(ALTITUDE_MAX)}
            gradientUnits="userSpaceOnUse"
          >
            {ALTITUDE_STOPS.map((stop, i) => (
              <stop key={stop} offset={stop / ALTITUDE_MAX} stopColor={RAMP[theme][i]} />
            ))}
          </linearGradient>
        </defs>
        <Grid scale={scale} units={units} />
        {pieces.map(run => (
          <g key={run.first}>
            <path d={areaPath(flight, run, scale)} fill="url(#profile-ramp)" className={styles.area} />
            <path d={linePath(flight, run, scale)} stroke="url(#profile-ramp)" className={styles.line} />
          </g>
        ))}
        {pieces.slice(1).map((run, i) => (
          <line
            key={run.first}
            className={styles.gap}
            x1={scale.x(flight.t[pieces[i].last])}
            y1={scale.y(flight.alt[pieces[i].last] ?? 0)}
            x2={scale.x(flight.t[run.first])}
            y2={scale.y(flight.alt[run.first] ?? 0)}
          />
        ))}
        {pointed !== null && (
          <line
            className={styles.cursor}
            x1={scale.x(flight.t[at])}
            x2={scale.x(flight.t[at])}
            y1="0"
            y2={BOX.height}
          />
        )}
      </svg>
      {metres !== null && (
        <i
          className={styles.dot}
          style={{
            left: `${(scale.x(flight.t[at]) / BOX.width) * 100}%`,
            top: `calc(var(--caption) + ${scale.y(metres)}px)`,
            borderColor: altitudeColor(metres, theme),
          }}
        />
      )}
      <GridLabels scale={scale} units={units} />
    </figure>
  )
}

/** Two or three round heights in the unit on screen, as metres. */
function gridHeights(scale: Scale, units: Units): number[] {
  const top = toUnit('altitude', scale.top, units)
  const step =
    [100, 200, 500, 1000, 2000, 4000, 5000, 10_000, 20_000].find(candidate => top / candidate <= 3.6) ?? 50_000
  return Array.from({ length: Math.floor(top / step) }, (_, i) => fromUnit('altitude', (i + 1) * step, units))
}

function Grid({ scale, units }: { scale: Scale; units: Units }) {
  return [0, ...gridHeights(scale, units)].map(metres => (
    <line key={metres} className={styles.grid} x1="0" x2={BOX.width} y1={scale.y(metres)} y2={scale.y(metres)} />
  ))
}

function GridLabels({ scale, units }: { scale: Scale; units: Units }) {
  return gridHeights(scale, units).map(metres => (
    <span
      key={metres}
      className={styles.label}
      style={{ top: `calc(var(--caption) + ${scale.y(metres)}px)` }}
      aria-hidden
    >
      {formatNumber(toUnit('altitude', metres, units))} {unitName('altitude', units)}
    </span>
  ))
}
