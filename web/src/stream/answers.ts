// The shapes of /api/v1/stream, as the server documents them in /api/openapi.json. Times are RFC 3339.
import type { FeedStatus } from '../api/types'

export interface StreamAnswer {
  /** Empty where the node keeps no stream. */
  kind: 'embedded' | 'kafka' | ''
  topic: string
  /** Names where offsets count. */
  stream: string
  brokers: string | null
  /** Why nothing can be asked of the log just now; the figures are then the last that were had. */
  error: string | null
  error_since: string | null
  /** When the figures were had. */
  at: string | null
  partitions: Partition[]
  lag_rows: number
  appended_per_s: number
  landed_per_s: number
  bytes: number | null
  limit_bytes: number | null
  differences: Difference[]
  spool: SpoolStatus | null
  registry: RegistryStatus
  dead_letters: DeadLetterStatus
  feeds: FeedStatus[]
}

export interface Partition {
  partition: number
  start: number
  /** The offset that the next message gets. */
  end: number
  /** The next offset to land; null before the first landing. */
  landed: number | null
  lag_rows: number
  appended_per_s: number
  writer: string | null
}

export interface Difference {
  name: string
  is: string
  wanted: string
  meaning: string
}

export interface SpoolStatus {
  waiting: number
  delivered: number
  bytes: number
  limit_bytes: number
  away_since: string | null
  error: string | null
  missed_fetches: number
}

export interface RegistryStatus {
  kind: 'embedded' | 'http' | ''
  url: string | null
  subject: string
  level: string | null
  error: string | null
  /** Oldest first. */
  versions: SchemaVersion[]
}

export interface SchemaVersion {
  version: number
  id: number
  fields: number
  /** Whether this node writes with it. */
  ours: boolean
  added: string[]
  removed: string[]
  not_in_table: string[]
}

export interface DeadLetterStatus {
  policy: 'dead-letter' | 'stop' | ''
  rows: number
  replayed: number
  last_at: string | null
  topic: string | null
}

export interface TailAnswer {
  /** Oldest first. */
  messages: TailMessage[]
  next: string
  scanned: number
}

export interface TailMessage {
  partition: number
  offset: number
  appended_at: string | null
  key: string | null
  bytes: number
  schema_id: number | null
  /** The state's columns by name; null if it cannot be read. */
  state: Record<string, unknown> | null
  dead: string | null
}

export interface DeadLetterFilter {
  reason?: string
  partition?: number
  offset?: number
  before?: string
  replayed: boolean
}

export interface DeadLettersAnswer {
  /** Newest first. */
  letters: DeadLetter[]
  /** How many the filter takes, also beyond the limit. */
  total: number
}

export interface DeadLetter {
  stream: string
  partition: number
  offset: number
  appended_at: string | null
  landed_at: string | null
  reason: string
  key: string | null
  text: string | null
  base64: string | null
  bytes: number
  replayed: boolean
}

export interface DeadLettersDone {
  taken: number
  done: number
  left: number
  before: number
  reason: string | null
}
