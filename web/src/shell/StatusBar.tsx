import { useEffect, useState } from 'react'
import { formatCount, formatNumber, formatPercent } from '../format/numbers'
import { formatAge, formatCountdown } from '../format/time'
import { serverNow, skyNow } from '../sky/clock'
import { retryNow, useFeed, type Feed } from '../sky/feed'
import { nextFetch, snapshotAge, summarise, type FeedSummary } from '../sky/feedState'
import { useTick } from '../ui/useTick'
import styles from './StatusBar.module.css'

/** How fresh everything is, always in sight. Ticks; only a change of state is announced. */
export function StatusBar() {
  useTick(250)
  const feed = useFeed()
  const server = serverNow()
  const summary = summarise(feed, { server, sky: skyNow(), monotonicMs: performance.now() })
  const { event } = feed
  return (
    <footer className={styles.status} aria-label="Status">
      {event?.demo && <span className={styles.demo}>Demo sky</span>}
      <State summary={summary} server={server} lost={feed.contact === 'lost'} />
      <Announcement title={summary.title} detail={summary.detail} />
      {event && <Freshness feed={feed} server={server} tone={summary.tone} />}
      {event?.credits && <Credits {...event.credits} />}
      <span className={styles.space} />
      {event && (
        <>
          <span>
            <b>{formatCount(event.aircraft)}</b> aircraft
          </span>
          {event.aircraft > 0 && (
            <span className={styles.wide}>{formatPercent(event.estimated / event.aircraft)} estimated</span>
          )}
          <Landed feed={feed} server={server} />
        </>
      )}
    </footer>
  )
}

function State({ summary, server, lost }: { summary: FeedSummary; server: number; lost: boolean }) {
  const left = summary.retryAt === null ? null : summary.retryAt - server
  const retry = left === null ? null : left > 0 ? `tries again in ${formatCountdown(left)}` : 'tries now'
  return (
    <span className={styles.state} data-tone={summary.tone}>
      <i aria-hidden />
      <span className={styles.title}>{summary.title}</span>
      {summary.detail && <em title={summary.detail}>{summary.detail}</em>}
      {retry && <span className={styles.retry}>{retry}</span>}
      {lost && (
        <button type="button" onClick={retryNow}>
          Try now
        </button>
      )}
    </span>
  )
}

/** Said aloud by screen readers when the state changes, and only then. */
function Announcement({ title, detail }: { title: string; detail: string | null }) {
  const text = detail ? `${title}: ${detail}` : title
  const [said, setSaid] = useState('')
  useEffect(() => setSaid(text), [text])
  return (
    <span className="visually-hidden" role="status">
      {said}
    </span>
  )
}

function Freshness({ feed, server, tone }: { feed: Feed; server: number; tone: string }) {
  const age = snapshotAge(feed, skyNow())
  const next = tone !== 'bad' ? nextFetch(feed, server) : null
  return (
    <>
      {age !== null && (
        <span data-tone={tone}>
          <span className={styles.word}>Snapshot</span> <b>{formatAge(age)}</b> old
        </span>
      )}
      {next && (
        <span className={styles.next}>
          <svg viewBox="0 0 16 16" width="13" height="13" aria-hidden>
            <circle cx="8" cy="8" r="6" />
            <circle cx="8" cy="8" r="6" pathLength="1" strokeDasharray={`${next.passed} 1`} className={styles.passed} />
          </svg>
          {next.left > 0 ? (
            <>
              <span className={styles.wide}>Next fetch in</span> <b>{formatCountdown(next.left)}</b>
            </>
          ) : (
            'Fetching'
          )}
        </span>
      )}
    </>
  )
}

function Credits({ remaining, limit }: { remaining: number | null; limit: number | null }) {
  if (remaining === null || limit === null) return null
  return (
    <span className={styles.wide}>
      <svg className={styles.credits} viewBox="0 0 52 4" width="52" height="4" aria-hidden>
        <rect width="52" height="4" rx="2" />
        <rect width={limit > 0 ? (52 * remaining) / limit : 0} height="4" rx="2" className={styles.left} />
      </svg>
      <b>{formatNumber(remaining)}</b> of {formatNumber(limit)} credits
    </span>
  )
}

function Landed({ feed: { event }, server }: { feed: Feed; server: number }) {
  if (!event?.landed_at) return <span className={styles.wide}>nothing landed yet</span>
  const age = server - Date.parse(event.landed_at) / 1000
  return (
    <span className={styles.wide}>
      {event.lag_rows > 0 && (
        <>
          lag <b>{formatNumber(event.lag_rows)}</b> ·{' '}
        </>
      )}
      landed <b>{formatAge(age)}</b> ago
    </span>
  )
}
