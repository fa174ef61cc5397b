import { Link } from '@tanstack/react-router'
import styles from './Notice.module.css'

export function NotFound() {
  return (
    <div className={styles.notice}>
      <h1>There is no such page</h1>
      <p>The address may be mistyped, or the page may have moved.</p>
      <Link to="/live" className={styles.action}>
        Go to the live map
      </Link>
    </div>
  )
}
