import styles from './Meter.module.css'

export interface MeterProps {
  /** 0 … 1; what is beyond is drawn as full. */
  share: number
  tone?: 'plain' | 'accent' | 'warn' | 'bad'
}

/** How full something is; the number stands beside it, so it says nothing to a screen reader. */
export function Meter({ share, tone = 'accent' }: MeterProps) {
  return (
    <span className={styles.meter} data-tone={tone} aria-hidden>
      {share > 0 && <i style={{ width: `${Math.min(1, share) * 100}%` }} />}
    </span>
  )
}
