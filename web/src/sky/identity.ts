// Who an aircraft is: callsign, registry, airline, type. Changes rarely, so it comes apart from the frames and is kept.
import type { IdentityAnswer } from '../api/types'
import { icaoNumber } from './codec'

export interface Identity {
  callsign: string | null
  country: string | null
  countryName: string | null
  airline: string | null
  airlineName: string | null
  squawk: string | null
  category: number | null
  registration: string | null
  typeCode: string | null
  positionSource: number | null
  /** Everything that a search may hit, lower case. */
  haystack: string
}

export type Identities = Map<number, Identity>

/** Adds an answer; a full one replaces what was known. Returns the same map, changed. */
export function mergeIdentities(known: Identities, answer: IdentityAnswer): Identities {
  if (answer.full) known.clear()
  const { columns } = answer
  columns.icao24.forEach((icao24, i) => {
    const identity = {
      callsign: columns.callsign[i]?.trim() || null,
      country: columns.country[i],
      countryName: columns.country_name[i],
      airline: columns.airline[i],
      airlineName: columns.airline_name[i],
      squawk: columns.squawk[i],
      category: columns.category[i],
      registration: columns.registration[i],
      typeCode: columns.type_code[i],
      positionSource: columns.position_source[i],
    }
    const words = [
      identity.callsign,
      icao24,
      identity.airlineName,
      identity.registration,
      identity.typeCode,
      identity.countryName,
      identity.squawk,
    ]
    known.set(icaoNumber(icao24), { ...identity, haystack: words.filter(Boolean).join(' ').toLowerCase() })
  })
  return known
}

/** What an aircraft is called: callsign, else registration, else its address. */
export const nameOf = (identity: Identity | undefined, icao24: string) =>
  identity?.callsign ?? identity?.registration ?? icao24

// Emitter categories of the state vector; 0 and 1 say nothing.
const CATEGORY_NAMES: Record<number, string> = {
  2: 'Light',
  3: 'Small',
  4: 'Large',
  5: 'High vortex',
  6: 'Heavy',
  7: 'High performance',
  8: 'Rotorcraft',
  9: 'Glider',
  10: 'Airship',
  11: 'Parachutist',
  12: 'Ultralight',
  14: 'Drone',
  15: 'Spacecraft',
  16: 'Emergency vehicle',
  17: 'Service vehicle',
  18: 'Obstacle',
  19: 'Obstacle',
  20: 'Obstacle',
}
export const categoryName = (category: number | null | undefined) =>
  category === null || category === undefined ? null : (CATEGORY_NAMES[category] ?? null)

const SOURCE_NAMES = ['ADS-B', 'ASTERIX', 'MLAT', 'FLARM']
export const sourceName = (source: number | null | undefined) =>
  source === null || source === undefined ? '–' : (SOURCE_NAMES[source] ?? '–')

export const SQUAWK_MEANING: Record<string, string> = {
  '7500': 'Unlawful interference',
  '7600': 'Radio failure',
  '7700': 'General emergency',
}
