import { formatNumber } from '../format/numbers'
import { change } from './figures'
import styles from './Change.module.css'

export interface ChangeProps {
  now: number | null | undefined
  before: number | null | undefined
}

/** Relative change against the period before, in a neutral colour: more aircraft is neither good nor bad. */
export function Change({ now, before }: ChangeProps) {
  if (before === null || before === undefined || now === null || now === undefined) return null
  return <span className={styles.change}>{changeText(now, before)}</span>
}

export function changeText(now: number, before: number): string {
  const relative = change(now, before)
  if (relative === null) return now > 0 ? 'new' : '–'
  const percent = relative * 100
  if (percent >= 1000) return `×${formatNumber(now / before)}`
  const text = formatNumber(percent, Math.abs(percent) < 100 ? 1 : 0)
  return `${/^0(\.0)?$/.test(text) ? '±0' : text.startsWith('−') ? text : `+${text}`} %`
}
