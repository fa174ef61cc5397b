import { Link } from '@tanstack/react-router'
import { ChevronRight } from 'lucide-react'
import { Fragment, memo, useCallback, useState, type ReactNode } from 'react'
import { formatLatitude, formatLongitude, formatNumber } from '../format/numbers'
import { formatClock, zoneName } from '../format/time'
import { measure } from '../format/units'
import { useTheme, useUnits, useZone } from '../prefs/preferences'
import { altitudeColor } from '../theme/ramp'
import { TableScroll } from '../ui/TableScroll'
import type { TailMessage } from './answers'
import { stateRows } from './figures'
import styles from './MessageRows.module.css'
import { isIcao24 } from './search'
import type { Row } from './tail'
import { useSetStreamSearch } from './useStream'

const COLUMNS = 8

export interface MessageRowsProps {
  rows: readonly Row[]
  label: string
  /** A message was opened: what moves would carry it away. */
  onOpen?: () => void
  /** Below the last row. */
  foot?: ReactNode
}

export function MessageRows({ rows, label, onOpen, foot }: MessageRowsProps) {
  const zone = useZone()
  const [open, setOpen] = useState<string | null>(null)
  const set = useSetStreamSearch()
  const toggle = useCallback(
    (key: string) => {
      setOpen(current => (current === key ? null : key))
      onOpen?.()
    },
    [onOpen],
  )
  const narrow = useCallback((icao24: string) => set({ icao24 }), [set])
  return (
    <TableScroll label={label}>
      <table className={styles.rows}>
        <thead>
          <tr>
            <th scope="col">Appended, {zoneName(zone)}</th>
            <th scope="col" data-numeric>
              <abbr title="Partition">#</abbr>
            </th>
            <th scope="col" data-numeric className={styles.wide}>
              Offset
            </th>
            <th scope="col">icao24</th>
            <th scope="col">Callsign</th>
            <th scope="col" className={styles.wide}>
              Position
            </th>
            <th scope="col" data-numeric>
              Altitude
            </th>
            <th scope="col" data-numeric className={styles.wide}>
              Bytes
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, message, gap }) => (
            <Fragment key={key}>
              <MessageRow id={key} message={message} open={open === key} onToggle={toggle} onNarrow={narrow} />
              {open === key && <Opened message={message} />}
              {gap && (
                <tr className={styles.gap}>
                  <td colSpan={COLUMNS}>Messages in between are not shown: more came than can be read</td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
      {foot}
    </TableScroll>
  )
}

interface MessageRowProps {
  id: string
  message: TailMessage
  open: boolean
  onToggle: (key: string) => void
  onNarrow: (icao24: string) => void
}

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null)
const number = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : null)

const MessageRow = memo(function MessageRow({ id, message, open, onToggle, onNarrow }: MessageRowProps) {
  const zone = useZone()
  const { state, appended_at, key } = message
  const icao24 = text(state?.icao24) ?? (key && isIcao24(key) ? key : null)
  return (
    <tr data-open={open || undefined} data-dead={message.dead !== null || undefined}>
      <td>
        <button type="button" className={styles.open} aria-expanded={open} onClick={() => onToggle(id)}>
          <ChevronRight size={13} strokeWidth={2} aria-hidden />
          {appended_at ? formatClock(appended_at, zone) : '–'}
          <span className="visually-hidden">, all of message {id}</span>
        </button>
      </td>
      <td data-numeric className={styles.quiet}>
        {message.partition}
      </td>
      <td data-numeric className={`${styles.wide} ${styles.quiet}`}>
        {formatNumber(message.offset)}
      </td>
      <td data-mono>
        {icao24 ? (
          <button type="button" title={`Only messages of ${icao24}`} onClick={() => onNarrow(icao24)}>
            {icao24}
          </button>
        ) : (
          '–'
        )}
      </td>
      {state ? (
        <StateCells state={state} />
      ) : (
        <td colSpan={3} className={styles.dead}>
          cannot be read: {message.dead ?? 'no reason given'}
        </td>
      )}
      <td data-numeric className={`${styles.wide} ${styles.quiet}`}>
        {formatNumber(message.bytes)}
      </td>
    </tr>
  )
})

function StateCells({ state }: { state: Record<string, unknown> }) {
  const units = useUnits()
  const theme = useTheme()
  const [latitude, longitude] = [number(state.latitude), number(state.longitude)]
  const altitude = number(state.baro_altitude) ?? number(state.geo_altitude)
  const shown = measure('altitude', altitude, units)
  return (
    <>
      <td className={styles.callsign}>{text(state.callsign) ?? '–'}</td>
      <td className={styles.wide}>
        {latitude === null || longitude === null ? '–' : `${formatLatitude(latitude)} ${formatLongitude(longitude)}`}
      </td>
      <td data-numeric>
        {state.on_ground === true ? (
          <span className={styles.quiet}>on ground</span>
        ) : (
          <>
            {altitude !== null && <i style={{ background: altitudeColor(altitude, theme) }} aria-hidden />}
            {shown.value}
            {shown.unit && <span className="unit">{shown.unit}</span>}
          </>
        )}
      </td>
    </>
  )
}

/** Everything that the message says, and where it is in the log. */
function Opened({ message }: { message: TailMessage }) {
  const icao24 = text(message.state?.icao24)
  return (
    <tr className={styles.opened}>
      <td colSpan={COLUMNS}>
        <p>
          Partition {message.partition}, offset {formatNumber(message.offset)}, {formatNumber(message.bytes)} bytes
          {message.schema_id !== null && `, schema id ${message.schema_id}`}
          {message.key && (
            <>
              , key <code>{message.key}</code>
            </>
          )}
          {icao24 && (
            <>
              {' · '}
              <Link to="/live" search={{ sel: icao24 }}>
                Show on the map
              </Link>
            </>
          )}
        </p>
        {message.state ? (
          <dl>
            {stateRows(message.state).map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        ) : (
          <p>{message.dead} It is among the dead letters as soon as it has landed.</p>
        )}
      </td>
    </tr>
  )
}
