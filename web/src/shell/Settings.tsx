import { useId } from 'react'
import {
  QUANTITIES,
  SYSTEMS,
  THEME_CHOICES,
  ZONES,
  themeChoiceStore,
  unitsOf,
  unitsStore,
  useThemeChoice,
  useUnits,
  useZone,
  zoneStore,
  type Quantity,
} from '../prefs/preferences'
import { UNITS } from '../format/units'
import { Segmented } from '../ui/Segmented'
import styles from './Settings.module.css'

export const SETTINGS_ID = 'settings'

const NAMES: Record<Quantity, string> = { altitude: 'Altitude', speed: 'Speed', climb: 'Climb', distance: 'Distance' }

/** Theme, clocks and units; a native popover, so Escape and a click elsewhere close it. */
export function Settings() {
  const theme = useThemeChoice()
  const zone = useZone()
  const units = useUnits()
  const system = SYSTEMS.find(candidate => QUANTITIES.every(quantity => units[quantity] === candidate)) ?? null
  return (
    <div id={SETTINGS_ID} popover="auto" className={styles.settings} role="dialog" aria-label="Settings">
      <Row label="Theme">
        {label => (
          <Segmented
            label={label}
            value={theme}
            onChange={themeChoiceStore.set}
            options={THEME_CHOICES.map(value => ({
              value,
              text: { system: 'System', dark: 'Dark', light: 'Light' }[value],
            }))}
          />
        )}
      </Row>
      <Row label="Clocks">
        {label => (
          <Segmented
            label={label}
            value={zone}
            onChange={zoneStore.set}
            options={ZONES.map(value => ({ value, text: value === 'utc' ? 'UTC' : 'Local' }))}
          />
        )}
      </Row>
      <Row label="Units">
        {label => (
          <Segmented
            label={label}
            value={system}
            onChange={value => unitsStore.set(unitsOf(value))}
            options={SYSTEMS.map(value => ({ value, text: value[0].toUpperCase() + value.slice(1) }))}
          />
        )}
      </Row>
      <div className={styles.quantities}>
        {QUANTITIES.map(quantity => (
          <Row key={quantity} label={NAMES[quantity]}>
            {label => (
              <Segmented
                label={label}
                value={units[quantity]}
                onChange={value => unitsStore.set({ ...units, [quantity]: value })}
                options={distinct(quantity)}
              />
            )}
          </Row>
        ))}
      </div>
    </div>
  )
}

/** Aviation and imperial share feet; offering them twice would be a choice without a difference. */
function distinct(quantity: Quantity) {
  return SYSTEMS.filter(
    (system, index) =>
      SYSTEMS.findIndex(other => UNITS[quantity][other].unit === UNITS[quantity][system].unit) === index,
  ).map(system => ({
    value: system,
    text: UNITS[quantity][system].unit,
    also: SYSTEMS.filter(other => UNITS[quantity][other].unit === UNITS[quantity][system].unit),
  }))
}

function Row({ label, children }: { label: string; children: (labelId: string) => React.ReactNode }) {
  const id = useId()
  return (
    <div className={styles.row}>
      <span id={id}>{label}</span>
      {children(id)}
    </div>
  )
}
