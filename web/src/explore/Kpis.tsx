import { formatNumber, formatShort } from '../format/numbers'
import { formatAge, formatClock, zoneName } from '../format/time'
import { measure, measureText } from '../format/units'
import { useUnits, useZone } from '../prefs/preferences'
import { serverNow } from '../sky/clock'
import { useFeed } from '../sky/feed'
import { Kpi } from '../ui/Kpi'
import styles from '../ui/Kpis.module.css'
import { useTick } from '../ui/useTick'
import { Change } from './Change'
import { lengthText } from './period'
import type { ExploreModel } from './useExplore'

/** The period in seven numbers; what changed is said without judging it. */
export function Kpis({ model }: { model: ExploreModel }) {
  const { figures, period } = model
  const units = useUnits()
  const answer = figures.data
  const kpis = answer?.kpis
  const previous = answer?.previous ?? null
  const versus = period ? `Against the ${lengthText(period)} before` : undefined
  const median = kpis?.median_altitude_m ?? null
  const medianBefore = previous?.median_altitude_m ?? null
  const whole = (value: number | undefined) => (value === undefined ? null : formatNumber(value))
  return (
    <dl className={styles.kpis}>
      <Kpi name="Aircraft" value={whole(kpis?.aircraft)} title={versus} text="distinct">
        <Change now={kpis?.aircraft} before={previous?.aircraft} />
      </Kpi>
      <Kpi
        name="Observations"
        value={
          kpis ? (kpis.observations < 1e6 ? formatNumber(kpis.observations) : formatShort(kpis.observations)) : null
        }
        title={kpis ? `${formatNumber(kpis.observations)} observations. ${versus}` : versus}
        text="with a position"
      >
        <Change now={kpis?.observations} before={previous?.observations} />
      </Kpi>
      <Kpi name="Countries" value={whole(kpis?.countries)} title={versus} text="of registry">
        <Difference now={kpis?.countries} before={previous?.countries} />
      </Kpi>
      <Kpi name="Airlines" value={whole(kpis?.airlines)} title={versus} text="by callsign">
        <Difference now={kpis?.airlines} before={previous?.airlines} />
      </Kpi>
      <Kpi
        name="Median altitude"
        value={kpis ? measure('altitude', median, units).value : null}
        unit={measure('altitude', median, units).unit}
        title={versus}
        text="in the air"
      >
        {median !== null && medianBefore !== null && (
          <span className={styles.change}>{signed(measureText('altitude', median - medianBefore, units))}</span>
        )}
      </Kpi>
      <Kpi
        name="Airborne now"
        value={kpis ? (kpis.airborne_now === null ? '–' : formatNumber(kpis.airborne_now)) : null}
        text="the whole sky, unfiltered"
      />
      <DataAge model={model} />
    </dl>
  )
}

const signed = (text: string) => (text.startsWith('−') ? text : /^0\b(?!\.)/.test(text) ? `±${text}` : `+${text}`)

function Difference({ now, before }: { now: number | undefined; before: number | undefined }) {
  if (now === undefined || before === undefined) return null
  return <span className={styles.change}>{signed(formatNumber(now - before))}</span>
}

/** Ticks by itself, and follows the live stream between two answers. */
function DataAge({ model: { figures } }: { model: ExploreModel }) {
  useTick()
  const zone = useZone()
  const { event } = useFeed()
  const landed = event?.landed_at ?? figures.data?.kpis.landed_at ?? null
  const known = figures.data !== undefined || event !== null
  const age = landed ? formatAge(Math.round(serverNow() - Date.parse(landed) / 1000)).replace('.0', '') : '–'
  const [value, ...unit] = age.split(' ')
  return (
    <Kpi
      name="Data age"
      value={known ? value : null}
      unit={unit.join(' ')}
      text={landed ? `landed ${formatClock(landed, zone)} ${zoneName(zone)}` : 'nothing landed yet'}
    />
  )
}
