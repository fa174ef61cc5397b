import { useRef, useState, type ReactNode } from 'react'
import styles from './Sheet.module.css'

export interface SheetProps {
  label: string
  /** Height in CSS pixels when it peeks; the lowest stop. */
  peek: number
  /** Opened fully from the start. */
  open?: boolean
  onStop: (open: boolean) => void
  /** Dragged below the peek. */
  onClose: () => void
  children: ReactNode
}

const CLOSE_BELOW = 48
const CLICK = 6

/** A bottom sheet with two stops: a peek and open. The handle is a button; dragging moves between the stops. */
export function Sheet({ label, peek, open: opened = false, onStop, onClose, children }: SheetProps) {
  const sheet = useRef<HTMLElement>(null)
  const [open, setOpen] = useState(opened)
  const [drag, setDrag] = useState<number | null>(null)
  const start = useRef({ y: 0, height: 0, moved: false })

  const settle = (next: boolean) => {
    setOpen(next)
    setDrag(null)
    onStop(next)
  }
  const down = (event: React.PointerEvent) => {
    start.current = { y: event.clientY, height: sheet.current?.clientHeight ?? peek, moved: false }
    event.currentTarget.setPointerCapture(event.pointerId)
  }
  const move = (event: React.PointerEvent) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return
    const up = start.current.y - event.clientY
    if (Math.abs(up) > CLICK) start.current.moved = true
    if (start.current.moved) setDrag(Math.max(40, start.current.height + up))
  }
  const release = () => {
    if (drag === null) return
    const middle = (peek + (sheet.current?.parentElement?.clientHeight ?? 2 * peek) * 0.8) / 2
    if (drag < peek - CLOSE_BELOW) onClose()
    else settle(drag > (open ? middle * 1.25 : middle * 0.75))
  }

  return (
    <section
      ref={sheet}
      className={styles.sheet}
      aria-label={label}
      data-open={open || undefined}
      data-dragging={drag !== null || undefined}
      style={{ height: drag ?? (open ? undefined : peek) }}
    >
      <button
        type="button"
        className={styles.handle}
        aria-label={open ? `Make ${label} smaller` : `Open ${label}`}
        aria-expanded={open}
        onClick={() => !start.current.moved && settle(!open)}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={release}
        onPointerCancel={release}
      >
        <i />
      </button>
      <div className={styles.content}>{children}</div>
    </section>
  )
}
