import { retryNow, useFeed } from '../sky/feed'
import button from '../ui/Button.module.css'
import { ClearFilter } from './ClearFilter'
import styles from './Notice.module.css'
import type { LiveModel } from './useLiveModel'

/** What stands in the way of seeing anything at all, in the middle of the map; nothing when the sky is there. */
export function Notice({ model, problem }: { model: LiveModel; problem: string | null }) {
  const feed = useFeed()
  if (problem) return <Box title="No map" text={problem} />
  if (model.frame) {
    if (!model.filtering || model.shownCount > 0) return null
    return (
      <Box title="No aircraft matches" text="The filter leaves none of the aircraft in the sky.">
        <ClearFilter model={model} />
      </Box>
    )
  }
  if (model.frameError)
    return <Box title="The snapshot could not be read" text={`${model.frameError}. The next one is tried.`} />
  if (feed.contact === 'lost') {
    return (
      <Box title="No contact with the server" text="It may be starting, or stopped. The page tries again by itself.">
        <button type="button" className={button.outlined} onClick={retryNow}>
          Try now
        </button>
      </Box>
    )
  }
  if (feed.contact === 'connecting' || !feed.event) return null
  if (feed.event.state === 'failed') {
    return <Box title="No snapshot yet" text={feed.event.message ?? 'The feed could not be fetched.'} />
  }
  if (!feed.announced) return <Box title="No aircraft yet" text="The first snapshot is on its way." />
  return null
}

function Box({ title, text, children }: { title: string; text: string; children?: React.ReactNode }) {
  return (
    <div className={styles.notice}>
      <b>{title}</b>
      <p>{text}</p>
      {children}
    </div>
  )
}
