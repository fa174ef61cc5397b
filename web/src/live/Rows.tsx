import { useVirtualizer } from '@tanstack/react-virtual'
import { ArrowDown, ArrowUp } from 'lucide-react'
import { useEffect, useRef } from 'react'
import { formatAge } from '../format/time'
import { measure } from '../format/units'
import { useTheme, useUnits, type Theme, type Units } from '../prefs/preferences'
import { skyNow } from '../sky/clock'
import { altitudeOf, climbOf, icaoText, isEmergency, isGround, isSuspect, speedOf, type Frame } from '../sky/codec'
import { categoryName, nameOf, SQUAWK_MEANING, type Identity } from '../sky/identity'
import { ageAt, certaintyAt } from '../sky/motion'
import { altitudeColor } from '../theme/ramp'
import { useTick } from '../ui/useTick'
import { ClearFilter } from './ClearFilter'
import styles from './Rows.module.css'
import type { Entry, LiveModel } from './useLiveModel'

export interface RowsProps {
  entries: Entry[]
  model: LiveModel
  selected: string | null
  /** The row that `j` and `k` have reached. */
  cursor: string | null
  onSelect: (icao24: string) => void
  onHover: (row: number) => void
}

const ROW_HEIGHT = 46
const CLIMBING = 1.5

export function Rows({ entries, model, selected, cursor, onSelect, onHover }: RowsProps) {
  useTick(1000)
  const scroller = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: entries.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 6,
  })
  useEffect(() => {
    const index = cursor ? entries.findIndex(entry => icaoText(entry.icao24) === cursor) : -1
    if (index >= 0) virtual.scrollToIndex(index, { align: 'auto' })
    // Only when the cursor moves: a new frame must not pull the list back.
  }, [cursor])
  const { frame } = model
  if (!frame || entries.length === 0) return <Empty model={model} />
  return (
    <div
      ref={scroller}
      className={styles.rows}
      role="listbox"
      aria-label="Aircraft in view"
      tabIndex={0}
      aria-activedescendant={cursor ? `row-${cursor}` : undefined}
    >
      <div style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const entry = entries[index]
          const icao24 = icaoText(entry.icao24)
          return (
            <div
              key={icao24}
              id={`row-${icao24}`}
              role="option"
              tabIndex={-1}
              aria-selected={icao24 === selected}
              aria-setsize={entries.length}
              aria-posinset={index + 1}
              data-cursor={icao24 === cursor || undefined}
              className={styles.row}
              style={{ transform: `translateY(${start}px)` }}
              onClick={() => onSelect(icao24)}
              onKeyDown={event => event.key === 'Enter' && onSelect(icao24)}
              onMouseEnter={() => onHover(entry.row)}
              onMouseLeave={() => onHover(-1)}
            >
              <RowContent entry={entry} frame={frame} identity={model.identities.get(entry.icao24)} />
            </div>
          )
        })}
      </div>
    </div>
  )
}

function RowContent({ entry, frame, identity }: { entry: Entry; frame: Frame; identity: Identity | undefined }) {
  const units = useUnits()
  const theme = useTheme()
  const name = nameOf(identity, icaoText(entry.icao24))
  const who = identity?.airlineName ?? identity?.registration ?? identity?.countryName ?? 'Unknown operator'
  const kind = identity?.typeCode ?? categoryName(identity?.category)
  const now = skyNow()
  if (entry.departed) {
    return (
      <>
        <i className={styles.dot} data-form="gone" />
        <Names name={name} kind={kind} who={who} />
        <div className={styles.figures}>
          <span className={styles.grey}>Gone</span>
          <small>{formatAge(now - entry.departed.seen)}</small>
        </div>
      </>
    )
  }
  const { row } = entry
  const emergency = isEmergency(frame, row)
  const age = ageAt(frame, row, now)
  const certainty = certaintyAt(frame, row, now)
  return (
    <>
      <i className={styles.dot} data-form={certainty} style={{ color: dotColor(frame, row, theme, emergency) }} />
      <Names
        name={name}
        kind={kind}
        who={emergency ? (SQUAWK_MEANING[identity?.squawk ?? ''] ?? 'Emergency') : who}
        alarm={emergency}
      />
      <div className={styles.figures} data-form={certainty}>
        <Altitude frame={frame} row={row} units={units} />
        <small>
          <Speed frame={frame} row={row} units={units} />
          {isSuspect(frame, row) && <em className={styles.old}>suspect</em>}
          {age > 60 && <em className={styles.old}>{formatAge(age)}</em>}
        </small>
      </div>
    </>
  )
}

function dotColor(frame: Frame, row: number, theme: Theme, emergency: boolean): string {
  if (emergency) return 'var(--bad)'
  const metres = altitudeOf(frame, row)
  return isGround(frame, row) || metres === null ? 'var(--ground)' : altitudeColor(metres, theme)
}

function Names({ name, kind, who, alarm }: { name: string; kind: string | null; who: string; alarm?: boolean }) {
  return (
    <div className={styles.names}>
      <span>
        <b>{name}</b>
        {kind && <code>{kind}</code>}
      </span>
      <small data-alarm={alarm || undefined}>{who}</small>
    </div>
  )
}

function Altitude({ frame, row, units }: { frame: Frame; row: number; units: Units }) {
  if (isGround(frame, row)) return <span>Ground</span>
  const { value, unit } = measure('altitude', altitudeOf(frame, row), units)
  const climb = climbOf(frame, row)
  return (
    <span>
      {climb > CLIMBING && <ArrowUp size={11} strokeWidth={2.4} aria-label="climbing" />}
      {climb < -CLIMBING && <ArrowDown size={11} strokeWidth={2.4} aria-label="sinking" />}
      {value}
      <i className="unit">{unit}</i>
    </span>
  )
}

function Speed({ frame, row, units }: { frame: Frame; row: number; units: Units }) {
  const { value, unit } = measure('speed', speedOf(frame, row), units)
  return (
    <span>
      {value} {unit}
    </span>
  )
}

function Empty({ model }: { model: LiveModel }) {
  if (!model.frame)
    return <div className={styles.empty}>The aircraft appear here as soon as the first snapshot is in.</div>
  if (!model.filtering) return <div className={styles.empty}>No aircraft in this part of the map.</div>
  return (
    <div className={styles.empty}>
      {model.shownCount === 0 ? 'No aircraft matches.' : 'No match in this part of the map.'}
      <ClearFilter model={model} />
    </div>
  )
}
