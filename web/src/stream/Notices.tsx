// What must be seen before any figure: no answer, Kafka away and the spool filling, messages lost, a registry away.
import { errorText } from '../api/errorText'
import { formatBytes, formatNumber, formatPercent, plural } from '../format/numbers'
import { formatAge, formatClock, zoneName } from '../format/time'
import { useZone } from '../prefs/preferences'
import { useStore } from '../prefs/store'
import { serverNow } from '../sky/clock'
import button from '../ui/Button.module.css'
import { Meter } from '../ui/Meter'
import strip from '../ui/Strip.module.css'
import { useTick } from '../ui/useTick'
import type { SpoolStatus, StreamAnswer } from './answers'
import { awayOf, isEmpty, logName, lostRows } from './figures'
import { historyStore, secondsUntilFull } from './history'
import styles from './Notices.module.css'

export interface NoticesProps {
  answer: StreamAnswer
  error: Error | null
  onRetry: () => void
}

export function Notices({ answer, error, onRetry }: NoticesProps) {
  const { registry, spool } = answer
  const lost = answer.partitions.reduce((sum, partition) => sum + lostRows(partition), 0)
  const away = awayOf(answer)
  return (
    <>
      {error && (
        <div className={strip.strip} role="alert" data-tone="bad">
          <b>Not up to date</b>
          <span>{errorText(error)} These are the figures before; the page goes on trying.</span>
          <button type="button" className={button.outlined} onClick={onRetry}>
            Try now
          </button>
        </div>
      )}
      {away ? <Away answer={answer} away={away} /> : spool && spool.waiting > 0 && <CatchingUp spool={spool} />}
      {lost > 0 && (
        <div className={strip.strip} role="alert" data-tone="bad">
          <b>{plural(lost, 'message')} lost</b>
          <span>
            They were deleted from the topic before they landed. Give the topic a longer <code>retention.ms</code>.
          </span>
        </div>
      )}
      {registry.error && (
        <div className={strip.strip} role="alert">
          <b>The schema registry is away</b>
          <span>{registry.error}</span>
        </div>
      )}
      {!away && !error && isEmpty(answer) && (
        <div className={strip.strip} data-tone="plain">
          <b>Nothing has been written yet</b>
          <span>The first messages appear here as soon as a feed has answered.</span>
        </div>
      )}
    </>
  )
}

type AwayProps = { answer: StreamAnswer; away: NonNullable<ReturnType<typeof awayOf>> }

function Away({ answer, away }: AwayProps) {
  useTick()
  const zone = useZone()
  const { spool } = answer
  return (
    <section className={styles.away} aria-label={`${logName(answer)} is away`}>
      {/* Announced once; the age beside it ticks. */}
      <p role="alert">
        <b>{logName(answer)} is away</b> {away.reason}
      </p>
      <dl className={styles.facts}>
        {away.since && (
          <div>
            <dt>Since</dt>
            <dd>
              {formatClock(away.since, zone)} {zoneName(zone)}
              <span>{formatAge(Math.round(serverNow() - Date.parse(away.since) / 1000)).replace('.0', '')}</span>
            </dd>
          </div>
        )}
        {spool && <SpoolFacts spool={spool} />}
      </dl>
      <p className={styles.hint}>
        {spool
          ? spool.missed_fetches > 0 && spool.bytes >= spool.limit_bytes * 0.98
            ? 'The spool is full: feeds are not fetched until Kafka takes messages again.'
            : 'Feeds are still fetched; answers wait on disk and are delivered in order when Kafka is back.'
          : 'The figures are the last that were had.'}
      </p>
    </section>
  )
}

function SpoolFacts({ spool }: { spool: SpoolStatus }) {
  const { samples } = useStore(historyStore)
  const share = spool.limit_bytes > 0 ? spool.bytes / spool.limit_bytes : 0
  const left = secondsUntilFull(samples, spool.limit_bytes)
  return (
    <>
      <div>
        <dt>Waiting in the spool</dt>
        <dd>{plural(spool.waiting, 'message')}</dd>
      </div>
      <div className={styles.fill}>
        <dt>Spool filled</dt>
        <dd>
          {formatPercent(share, share < 0.1 ? 1 : 0)}
          <Meter share={share} tone={share > 0.8 ? 'bad' : 'warn'} />
          <span>
            {formatBytes(spool.bytes)} of {formatBytes(spool.limit_bytes)}
          </span>
        </dd>
      </div>
      <div>
        <dt>Full in about</dt>
        <dd>{share >= 1 ? 'full' : left === null ? '–' : formatAge(left)}</dd>
      </div>
      <div data-tone={spool.missed_fetches > 0 ? 'bad' : undefined}>
        <dt>Missed fetches</dt>
        <dd>{formatNumber(spool.missed_fetches)}</dd>
      </div>
    </>
  )
}

function CatchingUp({ spool }: { spool: SpoolStatus }) {
  return (
    <div className={strip.strip} data-tone="plain">
      <b>Catching up</b>
      <span>
        Kafka takes messages again: {plural(spool.waiting, 'message')} ({formatBytes(spool.bytes)}) of the spool are
        still to be delivered.
        {spool.missed_fetches > 0 && ` ${plural(spool.missed_fetches, 'fetch', 'fetches')} missed while it was full.`}
      </span>
    </div>
  )
}
