import type { FeedState, FeedStatus } from '../api/types'
import { formatNumber, plural } from '../format/numbers'
import { formatAge, formatCountdown, formatDayTime, zoneName } from '../format/time'
import { useZone } from '../prefs/preferences'
import { serverNow } from '../sky/clock'
import { Meter } from '../ui/Meter'
import { Panel } from '../ui/Panel'
import table from '../ui/Table.module.css'
import { useTick } from '../ui/useTick'
import { Waiting } from '../ui/Waiting'
import styles from './Feeds.module.css'

const STATES: Record<FeedState, string> = {
  ok: 'Fetching',
  waiting: 'Waiting',
  late: 'Late',
  failed: 'Failed',
  ended: 'Ended',
}

/** Who writes to the stream: when it is asked next, and what it may still ask for. */
export function Feeds({ feeds }: { feeds: readonly FeedStatus[] | undefined }) {
  return (
    <Panel title="Feeds">
      {!feeds ? (
        <Waiting height={80} />
      ) : feeds.length === 0 ? (
        <p className={table.none}>No source runs in this node.</p>
      ) : (
        <ul className={styles.feeds}>
          {feeds.map(feed => (
            <Feed key={feed.name} feed={feed} />
          ))}
        </ul>
      )}
    </Panel>
  )
}

function Feed({ feed }: { feed: FeedStatus }) {
  const { credits, state } = feed
  const trouble = feed.error ?? (state === 'ok' ? null : feed.message)
  return (
    <li data-state={state}>
      <div className={styles.line}>
        <i aria-hidden />
        <b>{feed.name}</b>
        {feed.kind !== feed.name && <code>{feed.kind}</code>}
        {state !== 'ok' && <span className={styles.state}>{STATES[state]}</span>}
        <span className={styles.next}>
          <Next feed={feed} />
        </span>
      </div>
      <p>
        {feed.rows !== null && plural(feed.rows, 'row')}
        {feed.last_fetch_at && <LastFetch at={feed.last_fetch_at} />}
        {feed.interval_s !== null && `, every ${formatCountdown(feed.interval_s)}`}
        {feed.bad_rows > 0 && `, ${plural(feed.bad_rows, 'bad row')}`}
      </p>
      {trouble && <p className={styles.trouble}>{trouble}</p>}
      {credits && credits.remaining !== null && credits.limit !== null && (
        <div className={styles.credits}>
          <Meter
            share={credits.limit > 0 ? credits.remaining / credits.limit : 0}
            tone={credits.remaining < credits.limit * 0.1 ? 'warn' : 'plain'}
          />
          <span>
            <b>{formatNumber(credits.remaining)}</b> of {formatNumber(credits.limit)} credits
            {credits.window && ` a ${credits.window}`}
          </span>
        </div>
      )}
      {credits?.runs_out_at && <RunsOut at={credits.runs_out_at} />}
    </li>
  )
}

/** Ticks by itself. */
function Next({ feed }: { feed: FeedStatus }) {
  useTick(500)
  const next = feed.retry_at ?? feed.next_fetch_at
  if (!next || feed.state === 'ended') return null
  const left = Date.parse(next) / 1000 - serverNow()
  // Once a second: a countdown would only flicker.
  if (feed.interval_s !== null && feed.interval_s < 2 && left < 2) return 'fetches all the time'
  if (left <= 0) return 'fetches now'
  return (
    <>
      {feed.retry_at ? 'tries again in' : 'next fetch in'} <b>{formatCountdown(left)}</b>
    </>
  )
}

function LastFetch({ at }: { at: string }) {
  useTick()
  return `, ${formatAge(Math.round(serverNow() - Date.parse(at) / 1000)).replace('.0', '')} ago`
}

function RunsOut({ at }: { at: string }) {
  const zone = useZone()
  return (
    <p className={styles.trouble}>
      At this interval they run out at {formatDayTime(at, zone)} {zoneName(zone)}.
    </p>
  )
}
