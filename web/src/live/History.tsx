import { ApiError } from '../api/client'
import type { AircraftAnswer } from '../api/types'
import { formatNumber, plural } from '../format/numbers'
import { formatDay, formatDayTime } from '../format/time'
import { useZone } from '../prefs/preferences'
import styles from './History.module.css'

const DAYS = 4

/** What the lake remembers of an aircraft: since when, in how many hours, the last days with their callsigns. */
export function History({ known, error }: { known: AircraftAnswer | null; error: Error | null }) {
  const zone = useZone()
  if (!known) {
    const text =
      error instanceof ApiError && error.status === 404
        ? 'Not in the lake yet: it was first seen a moment ago.'
        : error
          ? `The lake does not answer: ${error.message}`
          : null
    return text && <p className={styles.none}>{text}</p>
  }
  const days = known.days.slice(0, DAYS)
  const most = Math.max(1, ...days.map(day => day.observations))
  return (
    <section className={styles.history} aria-label="History">
      <p>
        {known.hours_seen !== null && <>Seen in {plural(known.hours_seen, 'hour')}</>}
        {known.first_seen && <> since {formatDayTime(known.first_seen, zone)}</>}
      </p>
      <ul>
        {days.map(day => (
          <li key={day.day}>
            {/* A day of the lake is a day in UTC, whatever the clocks show. */}
            <span>{formatDay(`${day.day}T12:00:00Z`, 'utc')}</span>
            <span className={styles.callsigns}>{day.callsigns.join(', ') || '–'}</span>
            <span className={styles.bar} aria-hidden>
              <i style={{ width: `${(day.observations / most) * 100}%` }} />
            </span>
            <span className={styles.count} title="observations">
              {formatNumber(day.observations)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}
