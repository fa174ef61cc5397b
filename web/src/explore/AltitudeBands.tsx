import { useMemo } from 'react'
import { formatNumber, formatPercent } from '../format/numbers'
import { toUnit, unitName } from '../format/units'
import { useTheme, useUnits, type Units } from '../prefs/preferences'
import { altitudeColor } from '../theme/ramp'
import column from './Column.module.css'
import styles from './AltitudeBands.module.css'
import { Figure } from './Figure'
import { bandShares, niceTicks, type BandShare } from './figures'
import { bandText, toggle } from './filters'
import { bandTable } from './tables'
import type { ExploreModel } from './useExplore'

const WIDTH = 1000

/** Where in height the observations are, in the colours of the map; every band filters the other figures. */
export function AltitudeBands({ model }: { model: ExploreModel }) {
  const { figures, filters, set } = model
  const units = useUnits()
  const theme = useTheme()
  const bands = useMemo(() => (figures.data ? bandShares(figures.data.bands) : null), [figures.data])
  const ticks = niceTicks(Math.max(0, ...(bands ?? []).map(band => band.share)) * 100)
  const top = ticks.at(-1) ?? 1
  const color = ({ band, from_m }: BandShare) =>
    band > 0 && from_m !== null ? altitudeColor(from_m + WIDTH / 2, theme) : 'var(--ground)'
  return (
    <Figure
      model={model}
      name="bands"
      title="Altitude"
      meaning="share of observations"
      sentence={bands ? sentence(bands, units) : ''}
      table={bands ? () => bandTable(bands, units) : null}
    >
      <div className={styles.chart}>
        <div className={styles.plot}>
          {ticks.map(tick => (
            <span key={tick} className={styles.line} style={{ bottom: `${(tick / top) * 100}%` }} aria-hidden>
              <em>{formatNumber(tick, top < 5 ? 1 : 0)} %</em>
            </span>
          ))}
          <div className={styles.bands} data-chosen={filters.band ? true : undefined}>
            {(bands ?? []).map(band => (
              <button
                key={band.band}
                type="button"
                data-kind={band.band <= 0 ? (band.band === 0 ? 'ground' : 'unknown') : undefined}
                aria-pressed={filters.band?.includes(band.band) ?? false}
                aria-label={`${bandText(band, units)}: ${formatPercent(band.share)}`}
                title={`${bandText(band, units)}: ${formatPercent(band.share)}, ${formatNumber(band.observations)} observations`}
                onClick={() => set({ band: toggle(filters.band, band.band) })}
              >
                <i
                  className={column.column}
                  style={{ height: `${(band.share * 10_000) / top}%`, background: color(band) }}
                />
              </button>
            ))}
          </div>
        </div>
        <Axis bands={bands ?? []} units={units} />
      </div>
    </Figure>
  )
}

/** Round heights in the unit on screen at their true places; the ground and the unknown stand outside the scale. */
function Axis({ bands, units }: { bands: readonly BandShare[]; units: Units }) {
  const inAir = bands.filter(band => band.band > 0)
  const unknown = bands.length - inAir.length - 1
  const metric = units.altitude === 'metric'
  const step = metric ? 4000 : 10_000
  const topMetres = inAir.length * WIDTH
  const top = toUnit('altitude', topMetres, units)
  const ticks = Array.from({ length: Math.floor(top / step) + 1 }, (_, i) => i * step)
  return (
    <div className={styles.axis} aria-hidden>
      <span className={styles.ground}>Gnd</span>
      <span className={styles.scale} style={{ flexGrow: inAir.length }}>
        {ticks.map((tick, i) => (
          <em key={tick} style={{ left: `${(tick / top) * 100}%` }}>
            {formatNumber(tick / 1000)}
            {i === ticks.length - 1 && (metric ? ' km' : ` 000 ${unitName('altitude', units)}`)}
          </em>
        ))}
      </span>
      {unknown > 0 && <span className={styles.ground}>?</span>}
    </div>
  )
}

function sentence(bands: readonly BandShare[], units: Units): string {
  const highest = bands.reduce((best, band) => (band.share > best.share ? band : best), bands[0])
  if (!highest || highest.share === 0) return 'No observation in what is chosen.'
  return `Observations by altitude: most are ${bandText(highest, units)}, ${formatPercent(highest.share)} of all.`
}
