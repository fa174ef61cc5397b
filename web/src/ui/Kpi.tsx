import type { ReactNode } from 'react'
import styles from './Kpis.module.css'

export interface KpiProps {
  name: string
  /** Null while it is not known: its place is kept. */
  value: string | null
  unit?: string
  text: string
  title?: string
  children?: ReactNode
}

/** One number of a row of them, in a `<dl className={kpis}>`. */
export function Kpi({ name, value, unit, text, title, children }: KpiProps) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd className={styles.value}>
        {value === null ? <i className={styles.waiting} /> : value}
        {value !== null && unit && <span className="unit">{unit}</span>}
      </dd>
      <dd className={styles.text}>
        {children}
        <span>{text}</span>
      </dd>
    </div>
  )
}
