import type { ReactNode } from 'react'
import styles from './Table.module.css'

export interface TableScrollProps {
  /** What scrolls, for a screen reader. */
  label: string
  className?: string
  children: ReactNode
}

/** Where a table scrolls: a region that the keyboard can reach. */
export function TableScroll({ label, className, children }: TableScrollProps) {
  const classes = className ? `${styles.table} ${className}` : styles.table
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={classes} tabIndex={0} role="region" aria-label={label}>
      {children}
    </div>
  )
}
