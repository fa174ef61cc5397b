import { Link } from '@tanstack/react-router'
import { Keyboard, SlidersHorizontal } from 'lucide-react'
import { HELP_ID } from './HelpDialog'
import { PAGES } from './pages'
import { SETTINGS_ID } from './Settings'
import styles from './Rail.module.css'

export function Rail() {
  return (
    <nav className={styles.rail} aria-label="Pages">
      <Link to="/live" className={styles.logo} aria-label="Contrail">
        <Mark />
      </Link>
      {PAGES.map(({ to, name, icon: Icon }) => (
        <Link key={to} to={to} className={styles.item} activeProps={{ className: styles.current }}>
          <Icon size={19} strokeWidth={1.75} aria-hidden />
          <span>{name}</span>
        </Link>
      ))}
      <div className={styles.foot}>
        <button
          type="button"
          className={`${styles.item} ${styles.wide}`}
          onClick={() => (document.getElementById(HELP_ID) as HTMLDialogElement | null)?.showModal()}
        >
          <Keyboard size={19} strokeWidth={1.75} aria-hidden />
          <span>Keys</span>
        </button>
        <button type="button" className={styles.item} popoverTarget={SETTINGS_ID}>
          <SlidersHorizontal size={19} strokeWidth={1.75} aria-hidden />
          <span>Settings</span>
        </button>
      </div>
    </nav>
  )
}

const Mark = () => (
  <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden>
    <path d="M4 25.500 18 13" stroke="var(--accent)" strokeWidth="3.4" strokeLinecap="round" opacity=".7" />
    <path d="m9.500 28 10-10" stroke="var(--accent)" strokeWidth="2" strokeLinecap="round" opacity=".35" />
    <circle cx="22" cy="9" r="4.300" fill="var(--accent)" />
  </svg>
)
