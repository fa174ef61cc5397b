import { Outlet } from '@tanstack/react-router'
import { HelpDialog } from './HelpDialog'
import { Rail } from './Rail'
import { Settings } from './Settings'
import styles from './Shell.module.css'
import { StatusBar } from './StatusBar'

/** The frame around every page: rail (tab bar on a phone), page, status bar. */
export function Shell() {
  return (
    <div className={styles.shell}>
      <Rail />
      <main className={styles.page}>
        <Outlet />
      </main>
      <StatusBar />
      <Settings />
      <HelpDialog />
    </div>
  )
}
