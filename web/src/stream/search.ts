// What of the Stream page is in its address: which messages, which dead letters, what of them is open.
import { readFlag, readNumber, readText, type RawSearch } from '../params'

export interface StreamSearch {
  /** Only messages of this aircraft. */
  icao24?: string
  /** Read on from this time, "2026-03-14T09:00Z", instead of following the end. */
  from?: string
  paused?: true
  /** Only dead letters whose reason has this in it. */
  reason?: string
  /** Also dead letters that have been replayed. */
  replayed?: true
  /** The dead letter that is open, "partition:offset". */
  letter?: string
  /** The version of the schema whose fields are shown. */
  schema?: number
}

export const isIcao24 = (text: string) => /^[0-9a-f]{6}$/.test(text)

export function readStreamSearch(raw: RawSearch): StreamSearch {
  const icao24 = readText(raw.icao24)?.toLowerCase()
  const from = Date.parse(readText(raw.from) ?? '')
  const letter = readText(raw.letter)
  const version = readNumber(raw.schema)
  const reading = Number.isFinite(from)
  return {
    icao24: icao24 && isIcao24(icao24) ? icao24 : undefined,
    from: reading ? minuteText(from) : undefined,
    // What is read from a given time does not move by itself, so there is nothing to pause.
    paused: reading ? undefined : readFlag(raw.paused),
    reason: readText(raw.reason),
    replayed: readFlag(raw.replayed),
    letter: letter && /^\d+:\d+$/.test(letter) ? letter : undefined,
    schema: version !== undefined && Number.isInteger(version) && version > 0 ? version : undefined,
  }
}

/** "2026-03-14T09:00Z" */
export const minuteText = (ms: number) => `${new Date(ms).toISOString().slice(0, 16)}Z`
