// The Stream page: whether messages move from the feeds into the lake, what is behind, what cannot be read.
import { errorText } from '../api/errorText'
import { EmptyPage } from '../ui/EmptyPage'
import { DeadLetters } from './DeadLetters'
import { Differences } from './Differences'
import { Feeds } from './Feeds'
import { Messages } from './Messages'
import { Notices } from './Notices'
import { Partitions } from './Partitions'
import { Schema } from './Schema'
import { StreamHeader } from './StreamHeader'
import { StreamKpis } from './StreamKpis'
import styles from './StreamPage.module.css'
import { useStreamAnswer } from './useStream'

export function StreamPage() {
  const query = useStreamAnswer()
  const { data: answer, error } = query
  // Figures that are not of now step back: those of the log when it is away, all of them when nothing answers.
  const old = !answer ? undefined : error ? 'all' : answer.error !== null ? 'log' : undefined
  return (
    <div className={styles.page}>
      <div className={styles.inner} aria-busy={query.isPending} data-old={old}>
        <StreamHeader answer={answer} stale={error !== null} />
        {answer?.kind === '' ? (
          <EmptyPage
            title="No stream runs here"
            text="This node neither fetches nor lands, so it has no log to show. Ask the node that does."
          />
        ) : !answer && error ? (
          <EmptyPage
            alert
            title="The stream could not be read"
            text={errorText(error)}
            action="Try again"
            onAction={() => void query.refetch()}
          />
        ) : (
          <>
            {answer && <Notices answer={answer} error={error} onRetry={() => void query.refetch()} />}
            <StreamKpis answer={answer} />
            <div className={styles.columns}>
              <div className={styles.column}>
                <Partitions answer={answer} />
                <Messages stream={answer?.stream ?? ''} />
              </div>
              <div className={styles.side}>
                <Feeds feeds={answer?.feeds} />
                {answer && <Differences differences={answer.differences} />}
                <Schema registry={answer?.registry} />
              </div>
            </div>
            <DeadLetters status={answer?.dead_letters} />
          </>
        )}
      </div>
    </div>
  )
}
