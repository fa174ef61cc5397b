// Filters as the figures set them: toggling one value, the slots of the week, and the chips that say what is set.
import { measureText } from '../format/units'
import type { Units } from '../prefs/preferences'
import type { BandCount, ExploreAnswer, Ranked } from './answers'
import type { ExploreSearch, Filters } from './search'

export const DIMENSIONS = ['country', 'airline', 'band', 'dow', 'hour'] as const
export type Dimension = (typeof DIMENSIONS)[number]

export const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const
export const NO_FILTERS: Record<Dimension, undefined> = {
  country: undefined,
  airline: undefined,
  band: undefined,
  dow: undefined,
  hour: undefined,
}

export const isFiltered = (filters: Filters) => DIMENSIONS.some(name => (filters[name]?.length ?? 0) > 0)

/** Only the filters, in the order of the address: two pages with the same filters ask the same question. */
export const filtersOf = (search: ExploreSearch): Filters =>
  Object.fromEntries(DIMENSIONS.map(name => [name, search[name]])) as Filters

/** In if it was out, out if it was in; nothing left is no filter. */
export function toggle<T>(list: readonly T[] | undefined, value: T): T[] | undefined {
  const next = list?.includes(value) ? list.filter(item => item !== value) : [...(list ?? []), value]
  return next.length > 0 ? next : undefined
}

/** A slot of the week is the one day and the one hour; chosen again it goes. */
export function toggleSlot({ dow, hour }: Filters, day: number, ofDay: number): Pick<Filters, 'dow' | 'hour'> {
  const alone = dow?.length === 1 && dow[0] === day && hour?.length === 1 && hour[0] === ofDay
  return alone ? { dow: undefined, hour: undefined } : { dow: [day], hour: [ofDay] }
}

export const slotChosen = ({ dow, hour }: Filters, day: number, ofDay: number) =>
  (dow !== undefined || hour !== undefined) && (dow?.includes(day) ?? true) && (hour?.includes(ofDay) ?? true)

export const hourText = (hour: number) => `${String(hour).padStart(2, '0')}:00`

/** "10,000 – 11,000 m", "above 13,000 m", "On the ground", "Altitude unknown" */
export function bandText({ band, from_m, to_m }: Pick<BandCount, 'band' | 'from_m' | 'to_m'>, units: Units): string {
  if (band < 0) return 'Altitude unknown'
  if (band === 0 || from_m === null) return 'On the ground'
  if (to_m === null) return `above ${measureText('altitude', from_m, units)}`
  return `${measureText('altitude', from_m, units).replace(/ .*/, '')} – ${measureText('altitude', to_m, units)}`
}

export interface Chip {
  dimension: Dimension
  value: string | number
  /** In mono, before the text. */
  code: string | null
  text: string
}

export function chips(filters: Filters, answer: ExploreAnswer | undefined, units: Units): Chip[] {
  const name = (rows: readonly Ranked[] | undefined, code: string) => rows?.find(row => row.code === code)?.name
  const band = (value: number) =>
    bandText(
      answer?.bands.find(row => row.band === value) ?? { band: value, from_m: (value - 1) * 1000, to_m: value * 1000 },
      units,
    )
  return [
    ...(filters.country ?? []).map(value =>
      chip('country', value, value, name(answer?.countries, value) ?? regionName(value)),
    ),
    ...(filters.airline ?? []).map(value => chip('airline', value, value, name(answer?.airlines, value) ?? value)),
    ...(filters.band ?? []).map(value => chip('band', value, null, band(value))),
    ...(filters.dow ?? []).map(value => chip('dow', value, null, DAYS[value - 1])),
    ...(filters.hour ?? []).map(value => chip('hour', value, null, `${hourText(value)} UTC`)),
  ]
}

const regions = new Intl.DisplayNames('en', { type: 'region', fallback: 'code' })
/** For a country that has nothing in the period, so that the server does not name it. */
const regionName = (iso2: string) => regions.of(iso2) ?? iso2

const chip = (dimension: Dimension, value: string | number, code: string | null, text: string): Chip => ({
  dimension,
  value,
  code,
  text,
})
