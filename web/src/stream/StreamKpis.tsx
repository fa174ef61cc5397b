import { formatBytes, formatNumber, formatPercent, formatShort, plural } from '../format/numbers'
import { formatAge } from '../format/time'
import { serverNow } from '../sky/clock'
import { Kpi } from '../ui/Kpi'
import kpis from '../ui/Kpis.module.css'
import { Meter } from '../ui/Meter'
import { useTick } from '../ui/useTick'
import type { DeadLetterStatus, StreamAnswer } from './answers'
import { BEHIND_SECONDS, formatRate, lagSeconds, lagText } from './figures'
import { Sparkline } from './Sparkline'
import styles from './StreamKpis.module.css'

/** Is it moving, is anything behind, is there room, what could not be read. */
export function StreamKpis({ answer }: { answer: StreamAnswer | undefined }) {
  const behind = answer ? (lagSeconds(answer) ?? Infinity) > BEHIND_SECONDS : false
  const rate = (value: number) => `${formatRate(value)} a second`
  return (
    <dl className={`${kpis.kpis} ${styles.kpis}`}>
      <Kpi
        name="Appended"
        value={answer ? formatRate(answer.appended_per_s) : null}
        unit="/s"
        text="messages, last minute"
        aside={answer && <Sparkline measured="appended" name="Appended" format={rate} />}
      />
      <Kpi
        name="Landed"
        value={answer ? formatRate(answer.landed_per_s) : null}
        unit="/s"
        text="rows in the lake, last minute"
        aside={answer && <Sparkline measured="landed" name="Landed" format={rate} />}
      />
      <Kpi
        name="Lag"
        value={answer ? formatNumber(answer.lag_rows) : null}
        text={answer ? lagText(answer) : ''}
        tone={behind ? 'warn' : undefined}
        aside={answer && <Sparkline measured="lag" name="Lag" format={value => plural(value, 'message')} />}
      />
      <Room answer={answer} />
      <Dead status={answer?.dead_letters} />
    </dl>
  )
}

/** Where messages wait: the spool before Kafka, or the embedded log itself. */
function Room({ answer }: { answer: StreamAnswer | undefined }) {
  if (!answer) return <Kpi name="Spool" value={null} text="" />
  const { spool, bytes, limit_bytes } = answer
  if (spool) {
    return (
      <Kpi
        name="Spool"
        value={formatNumber(spool.waiting)}
        tone={spool.away_since ? 'bad' : spool.waiting > 0 ? 'warn' : undefined}
        text={
          spool.waiting > 0
            ? `waiting, ${formatBytes(spool.bytes)} of ${formatBytes(spool.limit_bytes)}`
            : `waiting · ${formatShort(spool.delivered)} delivered`
        }
        aside={spool.waiting > 0 && <Sparkline measured="waiting" name="Spool" format={n => plural(n, 'message')} />}
      />
    )
  }
  if (bytes === null) return <Kpi name="Spool" value="–" text="no source runs here" />
  const share = limit_bytes ? bytes / limit_bytes : null
  const [value, unit] = formatBytes(bytes).split(' ')
  return (
    <Kpi
      name="On disk"
      value={value}
      unit={unit}
      tone={share !== null && share > 0.9 ? 'warn' : undefined}
      text={limit_bytes ? `of ${formatBytes(limit_bytes)}` : ''}
      aside={
        share !== null && (
          <span className={styles.fill}>
            {formatPercent(share, 0)}
            <Meter share={share} tone={share > 0.9 ? 'warn' : 'accent'} />
          </span>
        )
      }
    />
  )
}

function Dead({ status }: { status: DeadLetterStatus | undefined }) {
  useTick()
  if (!status) return <Kpi name="Dead letters" value={null} text="" />
  const { rows, replayed, last_at } = status
  const age = last_at ? formatAge(Math.round(serverNow() - Date.parse(last_at) / 1000)).replace('.0', '') : null
  return (
    <Kpi
      name="Dead letters"
      value={formatNumber(rows)}
      text={
        rows === 0
          ? 'everything could be read'
          : [age && `last ${age} ago`, replayed > 0 && `${formatNumber(replayed)} replayed`].filter(Boolean).join(' · ')
      }
      aside={
        rows > 0 && (
          <a className={styles.show} href="#dead-letters">
            Show
          </a>
        )
      }
    />
  )
}
