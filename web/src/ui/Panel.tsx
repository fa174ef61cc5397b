import { useId, type ReactNode } from 'react'
import styles from './Panel.module.css'

export interface PanelProps {
  title: string
  /** Unit or meaning, behind the title. */
  meaning?: ReactNode
  /** Buttons at the end of the header. */
  actions?: ReactNode
  className?: string
  children: ReactNode
}

/** A region of a page with a title, what stands behind it, and buttons. */
export function Panel({ title, meaning, actions, className, children }: PanelProps) {
  const id = useId()
  return (
    <section className={className ? `${styles.panel} ${className}` : styles.panel} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        <span className={styles.meaning}>{meaning}</span>
        {actions}
      </header>
      {children}
    </section>
  )
}
