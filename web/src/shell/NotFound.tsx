import { Link } from '@tanstack/react-router'
import button from '../ui/Button.module.css'
import styles from './Notice.module.css'

export function NotFound() {
  return (
    <div className={styles.notice}>
      <h1>There is no such page</h1>
      <p>The address may be mistyped, or the page may have moved.</p>
      <Link to="/live" className={button.primary}>
        Go to the live map
      </Link>
    </div>
  )
}
