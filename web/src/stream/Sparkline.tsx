import { useMemo } from 'react'
import { formatAge } from '../format/time'
import { useStore } from '../prefs/store'
import { historyStore, sparkline, type Measured } from './history'
import styles from './Sparkline.module.css'

const WIDTH = 116
const HEIGHT = 34
const PAD = 3

export interface SparklineProps {
  measured: Measured
  /** What the line is of, for those who cannot see it. */
  name: string
  format: (value: number) => string
}

/** The last minutes, as gathered since the page was opened. */
export function Sparkline({ measured, name, format }: SparklineProps) {
  const { samples } = useStore(historyStore)
  const line = useMemo(() => sparkline(samples, measured, WIDTH, HEIGHT), [samples, measured])
  const length = formatAge(Math.round(line.seconds)).replace('.0', '')
  return (
    <svg
      className={styles.sparkline}
      viewBox={`${-PAD} ${-PAD} ${WIDTH + 2 * PAD} ${HEIGHT + 2 * PAD}`}
      width={WIDTH + 2 * PAD}
      height={HEIGHT + 2 * PAD}
      role="img"
      aria-label={`${name}, last ${length}: at most ${format(line.most)}.`}
    >
      <title>{`Last ${length}, at most ${format(line.most)}`}</title>
      <path className={styles.floor} d={`M0 ${HEIGHT}H${WIDTH}`} />
      <path className={styles.area} d={line.area} />
      <path className={styles.line} d={line.line} />
      {line.end && <circle cx={line.end.x} cy={line.end.y} r="2.5" />}
    </svg>
  )
}
