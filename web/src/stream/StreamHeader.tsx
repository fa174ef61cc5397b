import { formatClock, zoneName } from '../format/time'
import { useZone } from '../prefs/preferences'
import type { StreamAnswer } from './answers'
import { headline } from './figures'
import styles from './StreamHeader.module.css'

export interface StreamHeaderProps {
  answer: StreamAnswer | undefined
  /** The newest question has failed: what is shown is older. */
  stale: boolean
}

/** What stream this is, and its state in a word. */
export function StreamHeader({ answer, stale }: StreamHeaderProps) {
  const zone = useZone()
  const state = !answer ? null : stale ? { tone: 'bad', title: 'Not up to date' } : headline(answer)
  const old = answer && (stale || answer.error !== null) ? answer.at : null
  return (
    <header className={styles.header}>
      <h1>Stream</h1>
      {/* Always there, so that a change of state is said aloud. */}
      <span role="status" className={styles.state} data-tone={state?.tone}>
        {state && (
          <>
            <i aria-hidden />
            {state.title}
          </>
        )}
      </span>
      {answer && answer.kind !== '' && (
        <p className={styles.where} title={`Offsets count in ${answer.stream}`}>
          <code>{answer.topic}</code>
          <span>
            {answer.kind === 'kafka' ? 'Kafka at ' : 'embedded log of this node'}
            {answer.brokers && <code>{answer.brokers.replaceAll(',', ', ')}</code>}
          </span>
        </p>
      )}
      {old && (
        <span className={styles.at}>
          figures of{' '}
          <b>
            {formatClock(old, zone)} {zoneName(zone)}
          </b>
        </span>
      )}
    </header>
  )
}
