import { X } from 'lucide-react'
import { useEffect, useRef } from 'react'
import button from '../ui/Button.module.css'
import styles from '../ui/Dialog.module.css'

export const HELP_ID = 'help'

const KEYS: readonly [keys: string[], what: string][] = [
  [['/'], 'Search'],
  [['j', 'k'], 'Next or previous aircraft in the list'],
  [['Enter'], 'Open the aircraft under the cursor of the list'],
  [['f'], 'Follow the selected aircraft, or stop following'],
  [['Esc'], 'Close the card, then the search'],
  [['l'], 'Back to the live sky: stop following, show the whole world'],
  [['g'], 'Globe or flat map'],
  [['+', '−'], 'Zoom (when the map has the focus)'],
  [['?'], 'This list'],
]

/** Keys of the Live page. Opened by `?` anywhere outside a text field. */
export function HelpDialog() {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.key !== '?' || isTyping(event.target) || event.metaKey || event.ctrlKey) return
      event.preventDefault()
      if (!dialog.current?.open) dialog.current?.showModal()
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [])
  return (
    <dialog ref={dialog} id={HELP_ID} className={styles.dialog} aria-labelledby="help-title" closedby="any">
      <header>
        <h2 id="help-title">Keys on the Live page</h2>
        <button type="button" className={button.icon} aria-label="Close" onClick={() => dialog.current?.close()}>
          <X size={16} strokeWidth={1.75} />
        </button>
      </header>
      <dl>
        {KEYS.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map(key => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  )
}

/** Whether a key press belongs to a text field and must not act as a shortcut. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target instanceof HTMLInputElement)
    return target.type !== 'checkbox' && target.type !== 'radio' && target.type !== 'range'
  return target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement
}
