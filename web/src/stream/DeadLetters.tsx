import { X } from 'lucide-react'
import { errorText } from '../api/errorText'
import { formatNumber, formatPercent, plural } from '../format/numbers'
import button from '../ui/Button.module.css'
import { Meter } from '../ui/Meter'
import { Panel } from '../ui/Panel'
import table from '../ui/Table.module.css'
import { Waiting } from '../ui/Waiting'
import type { DeadLetterStatus } from './answers'
import styles from './DeadLetters.module.css'
import { reasonsOf } from './figures'
import { LetterActions } from './LetterActions'
import { LetterRows } from './LetterRows'
import { MOST_LETTERS, useDeadLetters, useSetStreamSearch, useStreamSearch } from './useStream'

/** What could not be read: why, the newest of them, and what can be done about it. */
export function DeadLetters({ status }: { status: DeadLetterStatus | undefined }) {
  return (
    // The target of the key figure's link; a margin for what scrolls.
    <div id="dead-letters" className={styles.place}>
      <Panel title="Dead letters" meaning={status && meaning(status)}>
        {!status ? (
          <Waiting height={120} />
        ) : status.rows === 0 ? (
          <p className={table.none}>Every message could be read.</p>
        ) : (
          <Letters status={status} />
        )}
      </Panel>
    </div>
  )
}

function meaning({ policy, rows, replayed, topic }: DeadLetterStatus): string {
  return [
    rows > 0 &&
      `${formatNumber(rows)} in the table${replayed > 0 ? `, ${formatNumber(replayed)} of them replayed` : ''}`,
    policy === 'stop'
      ? 'landing stops at what cannot be read'
      : policy && 'what cannot be read is kept and landing goes on',
    topic && `copies in the topic ${topic}`,
  ]
    .filter(Boolean)
    .join(' · ')
}

function Letters({ status }: { status: DeadLetterStatus }) {
  const search = useStreamSearch()
  const set = useSetStreamSearch()
  const { reason, replayed } = search
  // Reasons are counted over everything, so that another one can be chosen.
  const all = useDeadLetters(status, { replayed })
  const chosen = useDeadLetters(status, { reason, replayed })
  const reasons = reasonsOf(all.data?.letters ?? [])
  const listed = all.data?.letters.length ?? 0
  return (
    <div className={styles.body}>
      <div className={styles.reasons}>
        <h3>
          {all.data && all.data.total > listed ? `Reasons of the newest ${formatNumber(MOST_LETTERS)}` : 'Reasons'}
        </h3>
        <ul>
          {reasons.map(({ reason: name, count }) => (
            <li key={name}>
              <button
                type="button"
                aria-pressed={name === reason}
                onClick={() => set({ reason: name === reason ? undefined : name, letter: undefined })}
              >
                <span>{name}</span>
                <b>{formatNumber(count)}</b>
                <Meter share={count / listed} />
                <em>{formatPercent(count / listed, 0)}</em>
              </button>
            </li>
          ))}
        </ul>
        {reason && !reasons.some(({ reason: name }) => name === reason) && (
          <button type="button" className={styles.chip} onClick={() => set({ reason: undefined })}>
            reason has “{reason}”
            <X size={13} strokeWidth={2} aria-label="Remove this filter" />
          </button>
        )}
        <label className={styles.check}>
          <input
            type="checkbox"
            checked={replayed ?? false}
            onChange={event => set({ replayed: event.target.checked || undefined, letter: undefined })}
          />
          <span>Also those that have been replayed</span>
        </label>
      </div>
      <div className={styles.list} data-old={chosen.isPlaceholderData || undefined}>
        <LetterActions answer={chosen.data} filter={{ reason, replayed: replayed ?? false }} />
        {chosen.error && !chosen.data ? (
          <p className={table.none} role="alert">
            {errorText(chosen.error)}{' '}
            <button type="button" className={button.outlined} onClick={() => void chosen.refetch()}>
              Try again
            </button>
          </p>
        ) : !chosen.data ? (
          <Waiting height={120} />
        ) : chosen.data.letters.length === 0 ? (
          <p className={table.none}>
            {reason
              ? `No letter has “${reason}” in its reason.`
              : `All ${plural(status.rows, 'letter')} have been replayed.`}
          </p>
        ) : (
          <LetterRows answer={chosen.data} />
        )}
      </div>
    </div>
  )
}
