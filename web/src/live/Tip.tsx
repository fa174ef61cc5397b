import { formatAge } from '../format/time'
import { measureText } from '../format/units'
import { useTheme, useUnits } from '../prefs/preferences'
import { skyNow } from '../sky/clock'
import { altitudeOf, icaoText, isGround, speedOf } from '../sky/codec'
import { categoryName, nameOf } from '../sky/identity'
import { ageAt, certaintyAt } from '../sky/motion'
import { altitudeColor } from '../theme/ramp'
import styles from './Tip.module.css'
import type { LiveModel } from './useLiveModel'

/** Three lines about the aircraft under the pointer. */
export function Tip({ row, x, y, model }: { row: number; x: number; y: number; model: LiveModel }) {
  const units = useUnits()
  const theme = useTheme()
  const { frame, identities } = model
  if (!frame || row < 0 || row >= frame.n) return null
  const identity = identities.get(frame.icao24[row])
  const now = skyNow()
  const metres = altitudeOf(frame, row)
  const ground = isGround(frame, row)
  const who = [identity?.airlineName ?? identity?.countryName, identity?.typeCode ?? categoryName(identity?.category)]
  const figures = [
    ground ? 'Ground' : measureText('altitude', metres, units),
    measureText('speed', speedOf(frame, row), units),
    `${formatAge(ageAt(frame, row, now))} old`,
  ]
  // Turned to the other side of the pointer where the window ends.
  const flipX = x > innerWidth - 340
  const flipY = y > innerHeight - 200
  return (
    <div
      className={styles.tip}
      style={{
        transform: `translate(${flipX ? `calc(${x - 14}px - 100%)` : `${x + 14}px`}, ${flipY ? `calc(${y - 14}px - 100%)` : `${y + 14}px`})`,
      }}
      aria-hidden
    >
      <b>
        <i
          data-form={certaintyAt(frame, row, now)}
          style={{ color: ground || metres === null ? 'var(--ground)' : altitudeColor(metres, theme) }}
        />
        {nameOf(identity, icaoText(frame.icao24[row]))}
      </b>
      <span>{who.filter(Boolean).join(' · ') || 'Unknown operator'}</span>
      <span>{figures.join(' · ')}</span>
    </div>
  )
}
