import type { ReactNode } from 'react'
import styles from './Kpis.module.css'

export interface KpiProps {
  name: string
  /** Null while it is not known: its place is kept. */
  value: string | null
  unit?: string
  text: string
  title?: string
  /** At the right of the number: a small chart. */
  aside?: ReactNode
  /** The number in the colour of its state. */
  tone?: 'warn' | 'bad'
  children?: ReactNode
}

/** One number of a row of them, in a `<dl className={kpis}>`. */
export function Kpi({ name, value, unit, text, title, aside, tone, children }: KpiProps) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd className={styles.value} data-tone={tone}>
        {value === null ? <i className={styles.waiting} /> : value}
        {value !== null && unit && <span className="unit">{unit}</span>}
      </dd>
      <dd className={styles.text}>
        {children}
        <span>{text}</span>
      </dd>
      {aside && <dd className={styles.aside}>{aside}</dd>}
    </div>
  )
}
