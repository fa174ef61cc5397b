// Physical values (SI in, the chosen unit out) as number and unit, so that pages can set the unit smaller.
import type { Quantity, UnitSystem, Units } from '../prefs/preferences'
import { formatNumber } from './numbers'

export interface Measure {
  value: string
  unit: string
}

interface Unit {
  unit: string
  /** Multiply SI (m, m/s) by this. */
  factor: number
  digits: number
  /** Values are rounded to this step, so that figures do not claim more than the feed knows. */
  step: number
}

const FEET = 3.280839895
export const UNITS: Record<Quantity, Record<UnitSystem, Unit>> = {
  altitude: {
    metric: { unit: 'm', factor: 1, digits: 0, step: 10 },
    aviation: { unit: 'ft', factor: FEET, digits: 0, step: 25 },
    imperial: { unit: 'ft', factor: FEET, digits: 0, step: 25 },
  },
  speed: {
    metric: { unit: 'km/h', factor: 3.6, digits: 0, step: 1 },
    aviation: { unit: 'kt', factor: 1.943844, digits: 0, step: 1 },
    imperial: { unit: 'mph', factor: 2.236936, digits: 0, step: 1 },
  },
  climb: {
    metric: { unit: 'm/s', factor: 1, digits: 1, step: 0.1 },
    aviation: { unit: 'ft/min', factor: FEET * 60, digits: 0, step: 50 },
    imperial: { unit: 'ft/min', factor: FEET * 60, digits: 0, step: 50 },
  },
  distance: {
    metric: { unit: 'km', factor: 0.001, digits: 0, step: 1 },
    aviation: { unit: 'NM', factor: 1 / 1852, digits: 0, step: 1 },
    imperial: { unit: 'mi', factor: 1 / 1609.344, digits: 0, step: 1 },
  },
}

const NONE: Measure = { value: '–', unit: '' }

export function measure(quantity: Quantity, si: number | null | undefined, units: Units): Measure {
  if (si === null || si === undefined || !Number.isFinite(si)) return NONE
  const { unit, factor, digits, step } = UNITS[quantity][units[quantity]]
  const rounded = Math.round((si * factor) / step) * step
  return { value: formatNumber(rounded, digits), unit }
}

export const measureText = (quantity: Quantity, si: number | null | undefined, units: Units): string => {
  const { value, unit } = measure(quantity, si, units)
  return unit ? `${value} ${unit}` : value
}

/** Convert between SI and the unit on screen, for axes and inputs. */
export const toUnit = (quantity: Quantity, si: number, units: Units) => si * UNITS[quantity][units[quantity]].factor
export const fromUnit = (quantity: Quantity, value: number, units: Units) =>
  value / UNITS[quantity][units[quantity]].factor
export const unitName = (quantity: Quantity, units: Units) => UNITS[quantity][units[quantity]].unit
