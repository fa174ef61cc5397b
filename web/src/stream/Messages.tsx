import { Clock, Pause, Play, X } from 'lucide-react'
import { useCallback, useEffect, useId, useState } from 'react'
import { errorText } from '../api/errorText'
import { fromInput, toInput } from '../explore/period'
import { formatNumber, plural } from '../format/numbers'
import { zoneName } from '../format/time'
import { useZone } from '../prefs/preferences'
import { serverNow } from '../sky/clock'
import button from '../ui/Button.module.css'
import { Panel } from '../ui/Panel'
import table from '../ui/Table.module.css'
import { Waiting } from '../ui/Waiting'
import { MessageRows } from './MessageRows'
import styles from './Messages.module.css'
import { isIcao24, minuteText } from './search'
import { messageKey, type Row } from './tail'
import { useSetStreamSearch, useStreamSearch } from './useStream'
import { useReading, useTail } from './useTail'

/** Where reading begins until another time is chosen. */
const EARLIER_MS = 600_000

/** The messages themselves, decoded: followed at the end, newest first, or read from a time on, oldest first. */
export function Messages({ stream }: { stream: string }) {
  const search = useStreamSearch()
  const set = useSetStreamSearch()
  const reading = search.from !== undefined
  const paused = search.paused ?? false
  const [Icon, text] = reading ? [Play, 'Follow the end'] : paused ? [Play, 'Follow'] : [Pause, 'Pause']
  return (
    <Panel
      title="Messages"
      className={styles.messages}
      meaning={reading ? 'oldest first' : paused ? 'paused' : 'as they come, newest first'}
      actions={
        <div className={styles.controls}>
          <Aircraft />
          <From />
          <button
            type="button"
            className={button.outlined}
            onClick={() => set(reading ? { from: undefined } : { paused: paused ? undefined : true }, reading)}
          >
            <Icon size={14} strokeWidth={1.75} aria-hidden />
            {text}
          </button>
        </div>
      }
    >
      {reading ? <Reading /> : <Following stream={stream} />}
    </Panel>
  )
}

function Following({ stream }: { stream: string }) {
  const search = useStreamSearch()
  const set = useSetStreamSearch()
  const { rows, scanned, error } = useTail(search, stream)
  const pause = useCallback(() => set({ paused: true }, false), [set])
  return (
    <>
      {error && (
        <p className={rows.length > 0 ? styles.error : table.none} role="alert">
          {errorText(error)} {search.paused ? '' : 'It is tried again.'}
        </p>
      )}
      {rows.length > 0 ? (
        <MessageRows rows={rows} label="Messages, newest first" onOpen={pause} />
      ) : scanned === null ? (
        error ? null : (
          <Waiting />
        )
      ) : (
        <p className={table.none}>
          {search.icao24
            ? `No message of ${search.icao24} among the ${plural(scanned, 'message')} looked at.`
            : 'No message yet.'}{' '}
          {search.paused ? '' : 'The next one appears here.'}
        </p>
      )}
    </>
  )
}

function Reading() {
  const search = useStreamSearch()
  const { data, error, hasNextPage, fetchNextPage, isFetching } = useReading(search)
  const pages = data?.pages ?? []
  const rows = pages.flatMap(page =>
    page.messages.map((message): Row => ({ key: messageKey(message), message, gap: false })),
  )
  const scanned = pages.reduce((sum, page) => sum + page.scanned, 0)
  const ended = pages.at(-1)?.scanned === 0
  const more = (
    <div className={styles.more}>
      {error && <span role="alert">{errorText(error)}</span>}
      {data && (
        <span>
          {ended
            ? 'This is the end of the stream for now.'
            : rows.length === 0
              ? `None among the ${formatNumber(scanned)} looked at.`
              : `${plural(rows.length, 'message')}`}
        </span>
      )}
      <button
        type="button"
        className={button.outlined}
        disabled={isFetching || (!hasNextPage && !error)}
        onClick={() => void fetchNextPage()}
      >
        {error ? 'Try again' : 'Read on'}
      </button>
    </div>
  )
  if (!data && !error) return <Waiting />
  return <MessageRows rows={rows} label="Messages, oldest first" foot={more} />
}

/** Six hex digits, or nothing; what is half typed asks nothing. */
function Aircraft() {
  const { icao24 } = useStreamSearch()
  const set = useSetStreamSearch()
  const [text, setText] = useState(icao24 ?? '')
  useEffect(() => setText(icao24 ?? ''), [icao24])
  const type = (typed: string) => {
    const next = typed.trim().toLowerCase()
    setText(next)
    if (next === '' || isIcao24(next)) set({ icao24: next === '' ? undefined : next })
  }
  return (
    <label className={styles.field} data-set={icao24 ? true : undefined}>
      <span>icao24</span>
      <input
        value={text}
        onChange={event => type(event.target.value)}
        placeholder="any"
        maxLength={6}
        size={6}
        spellCheck={false}
        autoComplete="off"
        aria-invalid={text !== '' && !isIcao24(text)}
      />
      {text !== '' && (
        <button type="button" aria-label="Messages of every aircraft" onClick={() => type('')}>
          <X size={13} strokeWidth={2} aria-hidden />
        </button>
      )}
    </label>
  )
}

function From() {
  const { from } = useStreamSearch()
  const set = useSetStreamSearch()
  const zone = useZone()
  const id = useId()
  if (from === undefined) {
    return (
      <button
        type="button"
        className={button.outlined}
        onClick={() => set({ from: minuteText(serverNow() * 1000 - EARLIER_MS), paused: undefined })}
      >
        <Clock size={14} strokeWidth={1.75} aria-hidden />
        From a time
      </button>
    )
  }
  return (
    <label className={styles.field} htmlFor={id} data-set>
      <span>from, {zoneName(zone)}</span>
      <input
        id={id}
        type="datetime-local"
        value={toInput(Date.parse(from), zone)}
        onChange={event => {
          const ms = fromInput(event.target.value, zone)
          if (Number.isFinite(ms)) set({ from: minuteText(ms) })
        }}
      />
    </label>
  )
}
