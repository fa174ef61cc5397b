// The last minutes of the stream as the browser has gathered them, for sparklines and for when a spool will be full.
import { createStore } from '../prefs/store'
import type { StreamAnswer } from './answers'

export interface Sample {
  /** Seconds since the epoch. */
  time: number
  /** Messages a second; null while the log cannot be asked. */
  appended: number | null
  landed: number | null
  lag: number | null
  waiting: number | null
  spoolBytes: number | null
}

export type Measured = Exclude<keyof Sample, 'time'>

export const KEPT_SECONDS = 600
const LEAST_SECONDS = 60
/** Polls are two seconds apart; after a longer silence nothing is known, and a line would claim otherwise. */
const GAP_SECONDS = 15
/** A steady line at the very top would look like one that is cut off. */
const HEADROOM = 1.2

/** Outlives the page, so that what was gathered is still there when one comes back to it. */
export const historyStore = createStore<{ stream: string; samples: readonly Sample[] }>({ stream: '', samples: [] })

export function sampleOf(answer: StreamAnswer, time: number): Sample {
  const had = answer.error === null && answer.at !== null
  return {
    time,
    appended: had ? answer.appended_per_s : null,
    landed: had ? answer.landed_per_s : null,
    lag: had ? answer.lag_rows : null,
    waiting: answer.spool?.waiting ?? null,
    spoolBytes: answer.spool?.bytes ?? null,
  }
}

/** Adds a sample and drops what is too old; what came from another stream, or from the future, is no past of it. */
export function gather(samples: readonly Sample[], sample: Sample): Sample[] {
  const last = samples.at(-1)
  if (last && sample.time <= last.time) return [sample]
  return [...samples.filter(({ time }) => time > sample.time - KEPT_SECONDS), sample]
}

export function remember(answer: StreamAnswer, time: number) {
  historyStore.set(({ stream, samples }) => ({
    stream: answer.stream,
    samples: gather(stream === answer.stream ? samples : [], sampleOf(answer, time)),
  }))
}

export interface Line {
  /** SVG path of the line in a box of `width` × `height`, and of the area below it. */
  line: string
  area: string
  /** Seconds that the box covers. */
  seconds: number
  /** The largest value in it. */
  most: number
  /** Where the line ends; null when there is no value now. */
  end: { x: number; y: number } | null
}

/** A line over the samples: zero is the floor, gaps stay gaps, the newest sample is at the right edge. */
export function sparkline(samples: readonly Sample[], measured: Measured, width: number, height: number): Line {
  const last = samples.at(-1)?.time ?? 0
  const seconds = Math.max(LEAST_SECONDS, last - (samples[0]?.time ?? last))
  const most = Math.max(0, ...samples.map(sample => sample[measured] ?? 0))
  const top = most * HEADROOM
  const runs: { x: number; y: number }[][] = []
  let before: number | null = null
  for (const sample of samples) {
    const value = sample[measured]
    if (value === null) before = null
    else {
      const point = {
        x: round(width - ((last - sample.time) / seconds) * width),
        y: round(height - (top > 0 ? value / top : 0) * height),
      }
      if (before === null || sample.time - before > GAP_SECONDS) runs.push([point])
      else runs.at(-1)?.push(point)
      before = sample.time
    }
  }
  const path = (run: { x: number; y: number }[]) => `M${run.map(({ x, y }) => `${x} ${y}`).join('L')}`
  return {
    line: runs.map(path).join(''),
    area: runs.map(run => `${path(run)}L${run.at(-1)?.x} ${height}L${run[0].x} ${height}Z`).join(''),
    seconds,
    most,
    end: before === null ? null : (runs.at(-1)?.at(-1) ?? null),
  }
}

const round = (value: number) => Math.round(value * 10) / 10

/** Seconds until the spool is full if it goes on growing as it did; null while it does not grow, or too little is known. */
export function secondsUntilFull(samples: readonly Sample[], limitBytes: number): number | null {
  const known = samples.filter(sample => sample.spoolBytes !== null)
  const last = known.at(-1)
  const first = known.find(sample => last && sample.time >= last.time - 300)
  if (!first || !last || last.time - first.time < 20) return null
  const perSecond = ((last.spoolBytes ?? 0) - (first.spoolBytes ?? 0)) / (last.time - first.time)
  if (perSecond <= 0 || limitBytes <= 0) return null
  return Math.max(0, (limitBytes - (last.spoolBytes ?? 0)) / perSecond)
}
