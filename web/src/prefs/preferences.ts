// What a person chooses once and keeps: theme, units per quantity, time zone of clocks.
import { createPersistentStore, createStore, useStore, type Store } from './store'

export const SYSTEMS = ['metric', 'aviation', 'imperial'] as const
export type UnitSystem = (typeof SYSTEMS)[number]
export const QUANTITIES = ['altitude', 'speed', 'climb', 'distance'] as const
export type Quantity = (typeof QUANTITIES)[number]
export type Units = Record<Quantity, UnitSystem>

export const ZONES = ['utc', 'local'] as const
export type Zone = (typeof ZONES)[number]

export const THEME_CHOICES = ['system', 'dark', 'light'] as const
export type ThemeChoice = (typeof THEME_CHOICES)[number]
export type Theme = 'dark' | 'light'

export const unitsOf = (system: UnitSystem): Units => ({
  altitude: system,
  speed: system,
  climb: system,
  distance: system,
})

const oneOf =
  <T extends string>(allowed: readonly T[], otherwise: T) =>
  (raw: unknown): T =>
    allowed.includes(raw as T) ? (raw as T) : otherwise

export const readUnits = (raw: unknown): Units => {
  const given = (typeof raw === 'object' && raw !== null ? raw : {}) as Record<string, unknown>
  const units = unitsOf('metric')
  for (const quantity of QUANTITIES) units[quantity] = oneOf(SYSTEMS, 'metric')(given[quantity])
  return units
}

export const unitsStore = createPersistentStore<Units>('contrail.units', unitsOf('metric'), readUnits)
export const zoneStore = createPersistentStore<Zone>('contrail.zone', 'utc', oneOf(ZONES, 'utc'))
export const themeChoiceStore = createPersistentStore<ThemeChoice>(
  'contrail.theme',
  'system',
  oneOf(THEME_CHOICES, 'system'),
)

export const useUnits = () => useStore(unitsStore)
export const useZone = () => useStore(zoneStore)
export const useThemeChoice = () => useStore(themeChoiceStore)

/** The theme in force. Written to `<html data-theme>` by `watchTheme`. */
export const themeStore: Store<Theme> = createStore<Theme>('dark')
export const useTheme = () => useStore(themeStore)

/** Follows the choice and the system, and keeps `<html data-theme>` in step. */
export function watchTheme() {
  const system = matchMedia('(prefers-color-scheme: light)')
  const apply = () => {
    const choice = themeChoiceStore.get()
    const theme = choice === 'system' ? (system.matches ? 'light' : 'dark') : choice
    document.documentElement.dataset.theme = theme
    themeStore.set(theme)
  }
  system.addEventListener('change', apply)
  themeChoiceStore.subscribe(apply)
  apply()
}
