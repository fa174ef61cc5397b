import { Check, Crosshair, Link2, Route, X } from 'lucide-react'
import { useState } from 'react'
import { formatLatitude, formatLongitude } from '../format/numbers'
import { formatAge } from '../format/time'
import { measure } from '../format/units'
import { useUnits } from '../prefs/preferences'
import { skyNow } from '../sky/clock'
import { altitudeOf, climbOf, icaoNumber, isGround, isSuspect, speedOf, trackOf, type Frame } from '../sky/codec'
import { categoryName, nameOf, sourceName, SQUAWK_MEANING, type Identity } from '../sky/identity'
import { ageAt, certaintyAt, positionAt, type Certainty } from '../sky/motion'
import button from '../ui/Button.module.css'
import { useTick } from '../ui/useTick'
import { AltitudeProfile } from './AltitudeProfile'
import styles from './Card.module.css'
import type { Departed } from './departed'
import { History } from './History'
import { useAircraft, useTrack } from './useAircraft'
import type { LiveModel } from './useLiveModel'

export interface CardProps {
  icao24: string
  /** Row in the frame, or −1 when the aircraft is not in the sky now. */
  row: number
  model: LiveModel
  following: boolean
  onFollow: () => void
  onShowWay: (() => void) | null
  onClose: () => void
}

/** Everything about the selected aircraft: what it does now, and what the lake remembers of it. */
export function Card({ icao24, row, model, following, onFollow, onShowWay, onClose }: CardProps) {
  const aircraft = useAircraft(icao24)
  const track = useTrack(icao24)
  const identity = model.identities.get(icaoNumber(icao24))
  const known = aircraft.data
  const flying = model.frame && row >= 0 ? model.frame : null
  const name = identity ? nameOf(identity, icao24) : (known?.callsign ?? known?.registration ?? icao24)
  const squawk = identity?.squawk ?? null
  return (
    <article className={styles.card} aria-label={`Aircraft ${name}`}>
      <header className={styles.head} data-sheet-head>
        <h1>{name}</h1>
        <Tags identity={identity} typeCode={identity?.typeCode ?? known?.type_code ?? null} />
        <button type="button" className={`${button.icon} ${styles.close}`} onClick={onClose} aria-label="Close">
          <X size={16} strokeWidth={1.75} />
        </button>
        <p className={styles.sub}>
          {[
            identity?.airlineName ?? known?.airline_name,
            identity?.countryName ?? known?.country_name,
            identity?.registration !== name ? (identity?.registration ?? known?.registration) : null,
          ]
            .filter(Boolean)
            .map(part => (
              <span key={part}>{part}</span>
            ))}
          {name !== icao24 && <code>{icao24}</code>}
        </p>
      </header>
      {squawk && SQUAWK_MEANING[squawk] && (
        <p className={styles.alarm} role="alert">
          <b>{squawk}</b> {SQUAWK_MEANING[squawk]}
        </p>
      )}
      {flying ? (
        <Now frame={flying} row={row} identity={identity} />
      ) : (
        <NotNow
          model={model}
          departed={model.departed.get(icaoNumber(icao24)) ?? null}
          lastSeen={known?.last_seen ?? null}
        />
      )}
      <AltitudeProfile track={track.data ?? null} pending={track.isPending} error={track.error} />
      <History known={known ?? null} error={aircraft.error} />
      <div className={styles.actions}>
        {flying && (
          <button
            type="button"
            className={`${button.primary} ${styles.follow}`}
            aria-pressed={following}
            onClick={onFollow}
          >
            <Crosshair size={15} strokeWidth={1.9} aria-hidden />
            {following ? 'Following' : 'Follow'}
          </button>
        )}
        {onShowWay && (
          <button type="button" className={button.outlined} onClick={onShowWay}>
            <Route size={15} strokeWidth={1.75} aria-hidden />
            Whole way
          </button>
        )}
        <CopyLink />
      </div>
    </article>
  )
}

function Tags({ identity, typeCode }: { identity: Identity | undefined; typeCode: string | null }) {
  const category = categoryName(identity?.category)
  return (
    <span className={styles.tags}>
      {typeCode && <code>{typeCode}</code>}
      {category && <span>{category}</span>}
    </span>
  )
}

const CERTAINTY_TEXT: Record<Certainty, [title: string, detail: string]> = {
  measured: ['Measured', 'moved along its track since'],
  estimated: ['Estimated', 'dead-reckoned, drawn hollow'],
  old: ['Old position', 'dead-reckoned, hollow and fading'],
  gone: ['Not heard of', 'too long to say where it is'],
}

/** State vector and how sure it is; ticks by itself, so that the rest of the card stays still. */
function Now({ frame, row, identity }: { frame: Frame; row: number; identity: Identity | undefined }) {
  useTick(500)
  const units = useUnits()
  const now = skyNow()
  const ground = isGround(frame, row)
  const at = positionAt(frame, row, now)
  const age = ageAt(frame, row, now)
  const certainty = certaintyAt(frame, row, now)
  const [title, detail] =
    ground && certainty !== 'gone' ? [CERTAINTY_TEXT[certainty][0], 'on the ground'] : CERTAINTY_TEXT[certainty]
  const climb = climbOf(frame, row)
  const climbText = measure('climb', climb, units)
  return (
    <>
      <dl className={styles.stats}>
        <Stat
          name="Altitude"
          {...(ground ? { value: 'Ground', unit: '' } : measure('altitude', altitudeOf(frame, row), units))}
        />
        <Stat name="Speed" {...measure('speed', speedOf(frame, row), units)} />
        <Stat name="Track" value={String(Math.round(trackOf(frame, row)) % 360).padStart(3, '0')} unit="°" />
        <Stat name="Climb" value={climb > 0 ? `+${climbText.value}` : climbText.value} unit={climbText.unit} />
        <Stat name="Squawk" value={identity?.squawk ?? '–'} unit="" />
        <Stat name="Source" value={sourceName(identity?.positionSource)} unit="" />
      </dl>
      <div className={styles.certainty} data-form={certainty}>
        <i aria-hidden />
        <p>
          <b>{title}</b> {formatAge(age)} ago
          <small>{isSuspect(frame, row) ? 'the position is suspect' : detail}</small>
        </p>
        <p className={styles.place}>
          {formatLatitude(at.lat)}
          <br />
          {formatLongitude(at.lon)}
        </p>
      </div>
    </>
  )
}

function Stat({ name, value, unit }: { name: string; value: string; unit: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value}
        {unit && <span className="unit">{unit}</span>}
      </dd>
    </div>
  )
}

/** The link pointed at an aircraft that has landed, left, or was never there. */
function NotNow({
  model,
  departed,
  lastSeen,
}: {
  model: LiveModel
  departed: Departed | null
  lastSeen: string | null
}) {
  useTick(1000)
  const seen = departed?.seen ?? (lastSeen ? Date.parse(lastSeen) / 1000 : null)
  return (
    <div className={styles.certainty} data-form="gone">
      <i aria-hidden />
      <p>
        <b>{model.frame ? 'Not in the sky now' : 'Waiting for the sky'}</b>
        <small>{seen === null ? 'no position is known' : `last seen ${formatAge(skyNow() - seen)} ago`}</small>
      </p>
      {departed && (
        <p className={styles.place}>
          {formatLatitude(departed.lat)}
          <br />
          {formatLongitude(departed.lon)}
        </p>
      )}
    </div>
  )
}

function CopyLink() {
  const [state, setState] = useState<'idle' | 'done' | 'failed'>('idle')
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(location.href)
      setState('done')
    } catch {
      setState('failed')
    }
    setTimeout(() => setState('idle'), 2000)
  }
  const text = { idle: 'Copy link', done: 'Link copied', failed: 'Copying is blocked: take the address bar' }[state]
  return (
    <button
      type="button"
      className={button.outlined}
      onClick={() => void copy()}
      aria-label={text}
      title={text}
      data-failed={state === 'failed' || undefined}
    >
      {state === 'done' ? <Check size={15} strokeWidth={2} /> : <Link2 size={15} strokeWidth={1.75} />}
      <span className="visually-hidden" role="status">
        {state === 'idle' ? '' : text}
      </span>
    </button>
  )
}
