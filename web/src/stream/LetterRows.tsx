import { ChevronRight } from 'lucide-react'
import { Fragment } from 'react'
import { formatNumber } from '../format/numbers'
import { formatClock, formatDayTime, zoneName } from '../format/time'
import { useZone } from '../prefs/preferences'
import { TableScroll } from '../ui/TableScroll'
import type { DeadLetter, DeadLettersAnswer } from './answers'
import { payloadText } from './payload'
import styles from './LetterRows.module.css'
import { useSetStreamSearch, useStreamSearch } from './useStream'

const COLUMNS = 6

export const letterKey = ({ partition, offset }: DeadLetter) => `${partition}:${offset}`

/** The newest letters; the payload of one opens below it. */
export function LetterRows({ answer }: { answer: DeadLettersAnswer }) {
  const search = useStreamSearch()
  const zone = useZone()
  const { letters, total } = answer
  return (
    <TableScroll label="Dead letters, newest first" className={styles.scroll}>
      <table className={styles.letters}>
        <thead>
          <tr>
            <th scope="col">Landed, {zoneName(zone)}</th>
            <th scope="col" data-numeric>
              <abbr title="Partition">#</abbr>
            </th>
            <th scope="col" data-numeric className={styles.wide}>
              Offset
            </th>
            <th scope="col">Reason</th>
            <th scope="col" className={styles.wide}>
              Key
            </th>
            <th scope="col" data-numeric className={styles.wide}>
              Bytes
            </th>
          </tr>
        </thead>
        <tbody>
          {letters.map(letter => (
            <Letter
              key={`${letter.stream} ${letterKey(letter)}`}
              letter={letter}
              open={search.letter === letterKey(letter)}
            />
          ))}
        </tbody>
      </table>
      {total > letters.length && (
        <p>
          The newest {formatNumber(letters.length)} of {formatNumber(total)}.
        </p>
      )}
    </TableScroll>
  )
}

function Letter({ letter, open }: { letter: DeadLetter; open: boolean }) {
  const zone = useZone()
  const set = useSetStreamSearch()
  const key = letterKey(letter)
  const at = letter.landed_at ?? letter.appended_at
  return (
    <Fragment>
      <tr>
        <td>
          <button
            type="button"
            className={styles.open}
            aria-expanded={open}
            onClick={() => set({ letter: open ? undefined : key }, false)}
          >
            <ChevronRight size={13} strokeWidth={2} aria-hidden />
            {at ? formatDayTime(at, zone) : '–'}
            <span className="visually-hidden">, payload of {key}</span>
          </button>
        </td>
        <td data-numeric>{letter.partition}</td>
        <td data-numeric className={styles.wide}>
          {formatNumber(letter.offset)}
        </td>
        <td className={styles.reason}>
          {letter.reason}
          {letter.replayed && <em>replayed</em>}
        </td>
        <td data-mono className={styles.wide}>
          {letter.key ?? '–'}
        </td>
        <td data-numeric className={styles.wide}>
          {formatNumber(letter.bytes)}
        </td>
      </tr>
      {open && (
        <tr className={styles.opened}>
          <td colSpan={COLUMNS}>
            <p>
              Partition {letter.partition}, offset {formatNumber(letter.offset)}, {formatNumber(letter.bytes)} bytes
              {letter.appended_at && `, appended ${formatClock(letter.appended_at, zone)} ${zoneName(zone)}`}
              {letter.key && `, key ${letter.key}`}, stream <code>{letter.stream}</code>
            </p>
            <pre>{payloadText(letter)}</pre>
          </td>
        </tr>
      )}
    </Fragment>
  )
}
