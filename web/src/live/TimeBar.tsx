import { useState } from 'react'
import type { Timeline } from '../api/types'
import { formatCount, formatNumber } from '../format/numbers'
import { formatClock, formatDay, formatHourMinute, toSeconds, zoneName } from '../format/time'
import { useZone, type Zone } from '../prefs/preferences'
import { skyNow } from '../sky/clock'
import { useTick } from '../ui/useTick'
import styles from './TimeBar.module.css'
import { useTimeline } from './useAircraft'

const HOURS = 24
const HEIGHT = 28

/** The sky's clock, and how many aircraft were seen in the last 24 hours. */
export function TimeBar() {
  const timeline = useTimeline(HOURS)
  const [pointed, setPointed] = useState<number | null>(null)
  return (
    <section className={styles.bar} aria-label="The last 24 hours">
      <Clock />
      {timeline.data ? (
        <Counts timeline={timeline.data} pointed={pointed} onPoint={setPointed} />
      ) : (
        <p className={styles.none}>
          {timeline.isPending
            ? 'Asking the lake for the last 24 hours …'
            : 'The counts of the last 24 hours could not be read.'}
        </p>
      )}
      {timeline.data && <Reading timeline={timeline.data} pointed={pointed} />}
    </section>
  )
}

function Clock() {
  useTick(1000)
  const zone = useZone()
  const now = skyNow()
  return (
    <time className={styles.clock} dateTime={new Date(now * 1000).toISOString()}>
      <b>{formatClock(now, zone)}</b>
      <small>
        {formatDay(now, zone)} · {zoneName(zone, now)}
      </small>
    </time>
  )
}

interface CountsProps {
  timeline: Timeline
  pointed: number | null
  onPoint: (bucket: number | null) => void
}

function Counts({ timeline, pointed, onPoint }: CountsProps) {
  const zone = useZone()
  const { counts } = timeline
  const most = Math.max(1, ...counts.map(count => count ?? 0)) * 1.04
  // Before the first count there was nothing to miss; later on a step without data is a gap.
  const first = counts.findIndex(count => count !== null)
  return (
    <div
      className={styles.counts}
      onPointerMove={event => {
        const { left, width } = event.currentTarget.getBoundingClientRect()
        const bucket = Math.floor(((event.clientX - left) / width) * counts.length)
        onPoint(Math.min(counts.length - 1, Math.max(0, bucket)))
      }}
      onPointerLeave={() => onPoint(null)}
    >
      <svg
        viewBox={`0 0 ${counts.length} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={sentence(timeline, zone)}
      >
        {counts.map((count, i) => {
          const tall = count === null ? (i < first || first < 0 ? 1 : 3) : Math.max(0.8, (count / most) * HEIGHT)
          return (
            <rect
              // Buckets have no other identity than their place.
              key={`${i}`}
              className={
                count === null
                  ? i < first || first < 0
                    ? styles.before
                    : styles.gap
                  : i === pointed
                    ? styles.pointed
                    : styles.count
              }
              x={i + (count === null ? 0 : 0.14)}
              width={count === null ? 1 : 0.72}
              y={HEIGHT - tall}
              height={tall}
            />
          )
        })}
      </svg>
      <Hours timeline={timeline} zone={zone} />
    </div>
  )
}

/** A label every three hours of the clock on screen. */
function Hours({ timeline, zone }: { timeline: Timeline; zone: Zone }) {
  const start = toSeconds(timeline.start)
  const span = timeline.counts.length * timeline.bucket_s
  const labels: { at: number; text: string }[] = []
  for (let time = Math.ceil(start / 3600) * 3600; time < start + span; time += 3600) {
    const text = formatHourMinute(time, zone)
    if (Number(text.slice(0, 2)) % 3 === 0) labels.push({ at: (time - start) / span, text })
  }
  return (
    <div className={styles.hours} aria-hidden>
      {labels.map(({ at, text }) => (
        <span key={text} style={{ left: `${at * 100}%` }} data-edge={at < 0.05 || at > 0.97 || undefined}>
          {text}
        </span>
      ))}
    </div>
  )
}

/** What the bar under the pointer says; without a pointer the fullest ten minutes. */
function Reading({ timeline, pointed }: { timeline: Timeline; pointed: number | null }) {
  const zone = useZone()
  const fullest = peak(timeline)
  const bucket = pointed ?? fullest
  if (bucket === null) return null
  const count = timeline.counts[bucket]
  const time = toSeconds(timeline.start) + bucket * timeline.bucket_s
  return (
    <p className={styles.reading}>
      <b>{count === null ? 'No data' : formatNumber(count)}</b>
      <small>
        {pointed === null ? `most, at ${formatHourMinute(time, zone)}` : `aircraft at ${formatHourMinute(time, zone)}`}
      </small>
    </p>
  )
}

function peak({ counts }: Timeline): number | null {
  let best: number | null = null
  counts.forEach((count, i) => {
    if (count !== null && (best === null || count > (counts[best] ?? 0))) best = i
  })
  return best
}

function sentence(timeline: Timeline, zone: Zone): string {
  const most = peak(timeline)
  const first = timeline.counts.findIndex(count => count !== null)
  const gaps = timeline.counts.filter((count, i) => count === null && i > first && first >= 0).length
  const at = most === null ? '' : formatHourMinute(toSeconds(timeline.start) + most * timeline.bucket_s, zone)
  const text =
    most === null ? 'No aircraft counted' : `At most ${formatCount(timeline.counts[most])} aircraft, at ${at}`
  return `${text} in the last ${HOURS} hours, in steps of ten minutes${gaps > 0 ? `; ${gaps} steps without data` : ''}.`
}
