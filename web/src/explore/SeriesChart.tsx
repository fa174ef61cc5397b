// uPlot in React: made again when data, theme or zone change, because it reads colours and font once.
import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import { formatNumber, formatShort } from '../format/numbers'
import { formatDay, formatHourMinute } from '../format/time'
import { useTheme, useZone, type Zone } from '../prefs/preferences'
import { isolated, type Series } from './figures'
import type { Period } from './period'
import styles from './SeriesChart.module.css'

export interface SeriesChartProps {
  series: Series
  period: Period
  onPoint: (index: number | null) => void
  /** Seconds. */
  onBrush: (from: number, to: number) => void
}

const DAY = 86_400
const LEAST_BRUSH_PIXELS = 6
/** There is no half aircraft. */
const MOST_LINES = 5
const COUNT_STEPS = [1, 2, 5, ...[10, 100, 1000, 10_000, 100_000].flatMap(n => [n, 2 * n, 2.5 * n, 5 * n])]

export function SeriesChart({ series, period, onPoint, onBrush }: SeriesChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const theme = useTheme()
  const zone = useZone()
  const latest = useRef({ onPoint, onBrush })
  latest.current = { onPoint, onBrush }

  useEffect(() => {
    const element = box.current
    if (!element) return
    let chart: uPlot | null = null
    let ended = false
    const resize = new ResizeObserver(() => chart?.setSize(sizeOf(element)))
    void document.fonts.load('500 11px "Inter Variable"').then(() => {
      if (ended) return
      chart = new uPlot(
        { ...sizeOf(element), ...options(series, period, zone, latest) },
        [series.times, ...lines(series)],
        element,
      )
      resize.observe(element)
    })
    return () => {
      ended = true
      resize.disconnect()
      chart?.destroy()
    }
  }, [series, period, theme, zone])

  return <div ref={box} className={styles.chart} aria-hidden />
}

const sizeOf = (element: HTMLElement) => ({ width: element.clientWidth, height: element.clientHeight })

/** The hours that are over, those of the period before, and the step to the hour that is still running. */
function lines({ counts, before, running }: Series): (number | null)[][] {
  if (running === null) return [counts, before, counts.map(() => null)]
  return [
    counts.map((count, i) => (i === running ? null : count)),
    before,
    counts.map((count, i) => (i >= running - 1 ? count : null)),
  ]
}

type Handlers = { current: Pick<SeriesChartProps, 'onPoint' | 'onBrush'> }

function options(
  series: Series,
  period: Period,
  zone: Zone,
  handlers: Handlers,
): Omit<uPlot.Options, 'width' | 'height'> {
  const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
  const accent = token('--accent')
  const font = '500 11px "Inter Variable"'
  const lonely = isolated(lines(series)[0])
  const running = series.running === null ? [] : [series.running]
  const axis = { stroke: token('--tx3'), font, ticks: { show: false } }
  const compared = series.before.some(value => value !== null)
  return {
    padding: [10, 20, 0, 0],
    legend: { show: false },
    tzDate: seconds => (zone === 'utc' ? uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') : new Date(seconds * 1000)),
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false, dist: LEAST_BRUSH_PIXELS },
      points: { size: 9, width: 2, fill: token('--panel'), stroke: accent },
    },
    scales: {
      x: { time: true, range: () => [period.from / 1000, period.to / 1000] },
      y: { range: (_, __, most) => [0, Math.max(1, (most || 1) * 1.06)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 28,
        gap: 8,
        space: 64,
        values: (_, splits) => splits.map(s => tick(s, zone)),
      },
      {
        ...axis,
        grid: { stroke: token('--line'), width: 1 },
        size: 44,
        gap: 8,
        space: (_, __, ___, ____, length) => Math.max(40, length / devicePixelRatio / MOST_LINES),
        incrs: COUNT_STEPS,
        values: (_, splits) => splits.map(value => countText(value, splits[1] - splits[0])),
      },
    ],
    series: [
      {},
      {
        stroke: accent,
        width: 2,
        fill: chart => area(chart, accent),
        spanGaps: false,
        points: { show: lonely.length > 0, filter: () => lonely, size: 6, fill: accent, stroke: accent },
      },
      { show: compared, stroke: token('--tx3'), width: 1.25, dash: [4, 4], points: { show: false }, spanGaps: false },
      {
        stroke: accent,
        width: 2,
        dash: [2, 5],
        points: {
          show: running.length > 0,
          filter: () => running,
          size: 7,
          width: 1.5,
          fill: token('--panel'),
          stroke: accent,
        },
        spanGaps: false,
      },
    ],
    hooks: {
      drawClear: [chart => drawGaps(chart, series.gaps, token('--warn'))],
      setCursor: [chart => handlers.current.onPoint(chart.cursor.idx ?? null)],
      setSelect: [
        chart => {
          const { left, width } = chart.select
          if (width < LEAST_BRUSH_PIXELS) return
          const [from, to] = [chart.posToVal(left, 'x'), chart.posToVal(left + width, 'x')]
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          handlers.current.onBrush(from, to)
        },
      ],
    },
  }
}

/** Short where every line of the axis can be: "5k", "10k"; else in full. */
const countText = (value: number, step: number) => (step % 1000 === 0 ? formatShort(value) : formatNumber(value))

/** Midnight shows its day. */
function tick(seconds: number, zone: Zone): string {
  const time = formatHourMinute(seconds, zone)
  return time === '00:00' || seconds % DAY === 0 ? (time === '00:00' ? formatDay(seconds, zone) : time) : time
}

function area(chart: uPlot, color: string): CanvasGradient {
  const gradient = chart.ctx.createLinearGradient(0, chart.bbox.top, 0, chart.bbox.top + chart.bbox.height)
  gradient.addColorStop(0, `${color}54`)
  gradient.addColorStop(1, `${color}05`)
  return gradient
}

/** Hours that were not recorded: hatched, so that nobody takes them for an empty sky. */
function drawGaps(chart: uPlot, gaps: Series['gaps'], color: string) {
  const { ctx, bbox } = chart
  ctx.save()
  ctx.strokeStyle = color
  ctx.fillStyle = color
  for (const [from, to] of gaps) {
    const left = Math.max(bbox.left, chart.valToPos(from, 'x', true))
    const right = Math.min(bbox.left + bbox.width, chart.valToPos(to, 'x', true))
    if (right <= left) continue
    ctx.globalAlpha = 0.06
    ctx.fillRect(left, bbox.top, right - left, bbox.height)
    ctx.globalAlpha = 0.75
    ctx.fillRect(left, bbox.top + bbox.height - 2, right - left, 2)
  }
  ctx.restore()
}
