import { useMemo, useState } from 'react'
import { formatNumber } from '../format/numbers'
import { formatDay, formatHourMinute } from '../format/time'
import { useZone } from '../prefs/preferences'
import { serverNow } from '../sky/clock'
import { changeText } from './Change'
import { Figure } from './Figure'
import { buildSeries, type Series } from './figures'
import { lengthText, wholeHours } from './period'
import { instantText } from './search'
import { SeriesChart } from './SeriesChart'
import styles from './SeriesChart.module.css'
import { seriesTable } from './tables'
import type { ExploreModel } from './useExplore'

const HALF_HOUR = 1800

/** Aircraft in each hour; a stretch that is drawn over becomes the period. */
export function SeriesFigure({ model }: { model: ExploreModel }) {
  const { figures, before, period, filters, set } = model
  const zone = useZone()
  const [pointed, setPointed] = useState<number | null>(null)
  const answer = figures.data
  const series = useMemo(() => {
    if (!answer) return null
    // The answer says which period it is of: while another is being asked the chart stays whole.
    const of = { from: Date.parse(answer.from), to: Date.parse(answer.to) }
    return { of, ...buildSeries(answer.series, before?.series ?? null, of, filters, serverNow() * 1000) }
  }, [answer, before, figures.isPlaceholderData ? null : filters])
  const compared = series?.before.some(value => value !== null) ?? false
  const at = pointed !== null && series && pointed < series.times.length ? pointed : null
  return (
    <Figure
      model={model}
      name="series"
      title="Aircraft by hour"
      meaning={compared && period ? `dashed: the ${lengthText(period)} before` : 'distinct aircraft in each hour'}
      sentence={series ? sentence(series) : ''}
      table={series ? () => seriesTable(series, zone) : null}
      readout={
        at !== null && series ? (
          <>
            {formatDay(series.times[at] - HALF_HOUR, zone)} {formatHourMinute(series.times[at] - HALF_HOUR, zone)}{' '}
            {series.counts[at] === null ? 'no data' : <b>{formatNumber(series.counts[at])}</b>}
            {series.counts[at] !== null && series.before[at] !== null && (
              <> {changeText(series.counts[at], series.before[at])}</>
            )}
            {series.times[at] + HALF_HOUR > serverNow() && ' so far'}
          </>
        ) : null
      }
    >
      {series && (
        <div className={styles.place}>
          <SeriesChart
            series={series}
            period={series.of}
            onPoint={setPointed}
            onBrush={(from, to) => {
              const { from: start, to: end } = wholeHours({ from: from * 1000, to: to * 1000 })
              set({ range: undefined, from: instantText(start), to: instantText(end) })
            }}
          />
          {series.counts.every(count => count === null) && <p>No aircraft in what is chosen.</p>}
        </div>
      )}
    </Figure>
  )
}

function sentence({ times, counts, gaps }: Series): string {
  const known = counts.flatMap((count, i) => (count === null ? [] : [{ count, time: times[i] - HALF_HOUR }]))
  if (known.length === 0) return 'No aircraft in what is chosen.'
  const most = known.reduce((best, point) => (point.count > best.count ? point : best))
  const least = known.reduce((best, point) => (point.count < best.count ? point : best))
  const when = ({ count, time }: (typeof known)[number]) =>
    `${formatNumber(count)} on ${formatDay(time, 'utc')} ${formatHourMinute(time, 'utc')} UTC`
  const missing = gaps.reduce((sum, [from, to]) => sum + (to - from) / 3600, 0)
  return `Aircraft in each of ${known.length} hours: most ${when(most)}, least ${when(least)}${
    missing > 0 ? `; ${missing} without data` : ''
  }.`
}
