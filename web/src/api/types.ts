// The shapes of the HTTP interface, as the server documents them in /api/openapi.json. Values are SI.
export type FeedState = 'ok' | 'waiting' | 'late' | 'failed' | 'ended'

export interface Credits {
  remaining: number | null
  limit: number | null
  window?: string
  runs_out_at?: string | null
}

export interface RoleStatus {
  role: string
  state: 'starting' | 'running' | 'waiting' | 'stopping' | 'stopped' | 'failed'
  since: string
  error: string | null
  retry_at: string | null
  rate_per_s: number | null
  note: string | null
}

export interface FeedStatus {
  name: string
  kind: string
  state: FeedState
  interval_s: number | null
  last_fetch_at: string | null
  last_answer_time: string | null
  next_fetch_at: string | null
  status: number | null
  message: string | null
  error: string | null
  retry_at: string | null
  rows: number | null
  credits: Credits | null
  clock_skew_s: number | null
  bad_rows: number
  bad_fields: Record<string, number>
}

export interface Status {
  version: string
  boot_id: string
  demo: boolean
  server_time: string
  sky_time: string
  roles: RoleStatus[]
  feeds: FeedStatus[]
  sky: { aircraft: number; answer_time: string | null; fetched_at: string | null; frame: number | null }
  log: {
    stream: string
    kind: string
    start: number
    end: number
    bytes: number
    limit_bytes: number
    lag_rows: number
  }
  lake: {
    landed_at: string | null
    landed_rows: number
    tables: { name: string; rows: number; files: number; bytes: number; snapshot_id: string | number | null }[]
  }
  build: { built_at: string | null; held_hours: string[]; outdated: string[] }
  backfill: { label: string; done: number; total: number; running: boolean } | null
}

/** `frame` and `status` events of /live/events; `url` only in `frame`. */
export interface LiveEvent {
  frame: number
  url?: string
  aircraft: number
  answer_time: string | null
  fetched_at: string | null
  sky_time: string
  server_time: string
  next_fetch_at: string | null
  interval_s: number | null
  identity: number
  credits: Credits | null
  demo: boolean
  state: FeedState
  message: string | null
  estimated: number
  landed_at: string | null
  lag_rows: number
}

export interface IdentityColumns {
  icao24: string[]
  callsign: (string | null)[]
  country: (string | null)[]
  country_name: (string | null)[]
  airline: (string | null)[]
  airline_name: (string | null)[]
  squawk: (string | null)[]
  category: (number | null)[]
  registration: (string | null)[]
  type_code: (string | null)[]
  position_source: (number | null)[]
}

export interface IdentityAnswer {
  rev: number
  boot_id: string
  full: boolean
  columns: IdentityColumns
}

export interface TrailPoints {
  t: number[]
  lat: number[]
  lon: number[]
  alt: (number | null)[]
}

export interface TrailsAnswer {
  trails: Record<string, TrailPoints>
}

export interface AircraftAnswer {
  icao24: string
  callsign: string | null
  country: string | null
  country_name: string | null
  airline: string | null
  airline_name: string | null
  registration: string | null
  type_code: string | null
  category: number | null
  state: Record<string, unknown> | null
  first_seen: string | null
  last_seen: string | null
  hours_seen: number | null
  days: { day: string; observations: number; callsigns: string[] }[]
}

export interface TrackAnswer {
  icao24: string
  columns: {
    time: number[]
    latitude: number[]
    longitude: number[]
    altitude: (number | null)[]
    speed: (number | null)[]
    track: (number | null)[]
    climb: (number | null)[]
    on_ground: boolean[]
    callsign: (string | null)[]
  }
}

export interface Timeline {
  bucket_s: number
  start: string
  counts: (number | null)[]
}
