import { RotateCcw, Trash2 } from 'lucide-react'
import { useRef } from 'react'
import { errorText } from '../api/errorText'
import { formatNumber, plural } from '../format/numbers'
import button from '../ui/Button.module.css'
import dialogStyles from '../ui/Dialog.module.css'
import type { DeadLetterFilter, DeadLettersAnswer } from './answers'
import { doneText, seenBefore } from './figures'
import styles from './LetterActions.module.css'
import { useLetterAction } from './useStream'

export interface LetterActionsProps {
  answer: DeadLettersAnswer | undefined
  filter: DeadLetterFilter
}

/** Replay or delete what is listed. What comes in meanwhile has not been seen by anybody, so it is left alone. */
export function LetterActions({ answer, filter }: LetterActionsProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const { mutate, data, error, isPending, variables } = useLetterAction()
  const total = answer?.total ?? 0
  const which = filter.reason ? `with “${filter.reason}” in the reason` : filter.replayed ? '' : 'not replayed yet'
  const run = (action: 'replay' | 'purge') => {
    dialog.current?.close()
    if (answer) mutate({ action, filter: { ...filter, before: seenBefore(answer.letters) } })
  }
  return (
    <div className={styles.actions}>
      <span className={styles.count}>
        <b>{formatNumber(total)}</b> {total === 1 ? 'letter' : 'letters'} {which}
      </span>
      <button
        type="button"
        className={button.outlined}
        disabled={total === 0 || isPending}
        title="Read them again with the schemas of now, and land what can be read"
        onClick={() => run('replay')}
      >
        <RotateCcw size={14} strokeWidth={1.75} aria-hidden />
        {isPending && variables.action === 'replay' ? 'Replaying' : `Replay ${formatNumber(total)}`}
      </button>
      <button
        type="button"
        className={button.outlined}
        disabled={total === 0 || isPending}
        onClick={() => dialog.current?.showModal()}
      >
        <Trash2 size={14} strokeWidth={1.75} aria-hidden />
        {isPending && variables.action === 'purge' ? 'Deleting' : `Purge ${formatNumber(total)} …`}
      </button>
      <p role="status" className={styles.result}>
        {!isPending && data && doneText(data.action, data.done)}
      </p>
      {!isPending && error && (
        <p role="alert" className={styles.result} data-tone="bad">
          {errorText(error)}
        </p>
      )}
      <dialog ref={dialog} className={dialogStyles.dialog} aria-labelledby="purge-title" closedby="any">
        <header>
          <h2 id="purge-title">Delete {plural(total, 'dead letter')}?</h2>
        </header>
        <p className={styles.question}>
          {which && `Those ${which}. `}Their payloads are gone from the table then and cannot be replayed. Their reasons
          and offsets go with them.
        </p>
        <div className={styles.answers}>
          {/* First, so it has the focus: Enter must not delete. */}
          <button type="button" className={button.outlined} onClick={() => dialog.current?.close()}>
            Keep them
          </button>
          <button type="button" className={`${button.primary} ${styles.purge}`} onClick={() => run('purge')}>
            Delete {plural(total, 'letter')}
          </button>
        </div>
      </dialog>
    </div>
  )
}
