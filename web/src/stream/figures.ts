// What the stream's numbers mean: its state in a word, how far behind in time, reasons of dead letters, fields of a schema.
import { formatNumber, plural } from '../format/numbers'
import { formatAge } from '../format/time'
import type { DeadLetter, DeadLettersDone, Partition, StreamAnswer } from './answers'

export type Tone = 'ok' | 'warn' | 'bad' | 'idle'

export interface Headline {
  tone: Tone
  title: string
}

/** Landing commits each second; messages of this long that have not landed mean that it cannot keep up, or stands. */
export const BEHIND_SECONDS = 120

/** Why the log cannot be asked, and since when: the reader's own word first, then the spool's. */
export function awayOf({
  error,
  error_since,
  spool,
}: StreamAnswer): { since: string | null; reason: string | null } | null {
  if (error !== null) return { since: error_since ?? spool?.away_since ?? null, reason: error }
  if (spool?.away_since) return { since: spool.away_since, reason: spool.error }
  return null
}

export const logName = ({ kind }: StreamAnswer) => (kind === 'kafka' ? 'Kafka' : 'The log')

/** How many seconds of messages have not landed, at the present rate; null where that cannot be said. */
export function lagSeconds(answer: StreamAnswer): number | null {
  if (answer.lag_rows === 0) return 0
  return answer.appended_per_s > 0 ? answer.lag_rows / answer.appended_per_s : null
}

export const isEmpty = ({ partitions }: StreamAnswer) =>
  partitions.every(({ start, end }) => start === end && end === 0)

/** Messages that were deleted from the log before they landed. */
export const lostRows = ({ start, landed }: Partition) => (landed === null ? 0 : Math.max(0, start - landed))

export function headline(answer: StreamAnswer): Headline {
  if (awayOf(answer)) return { tone: 'bad', title: `${logName(answer)} is away` }
  if (answer.partitions.some(partition => lostRows(partition) > 0)) return { tone: 'bad', title: 'Messages are lost' }
  if (isEmpty(answer)) return { tone: 'idle', title: 'Nothing written yet' }
  const behind = lagSeconds(answer)
  const stands = answer.landed_per_s === 0 && answer.lag_rows > 0
  if ((behind !== null && behind > BEHIND_SECONDS) || (behind === null && stands))
    return { tone: 'warn', title: stands ? 'Nothing lands' : 'Landing is behind' }
  if (answer.spool && answer.spool.waiting > 0) return { tone: 'warn', title: 'Catching up' }
  if (answer.appended_per_s === 0) return { tone: 'idle', title: 'Standing still' }
  return { tone: 'ok', title: 'Moving' }
}

/** "about 12 s of messages" */
export function lagText(answer: StreamAnswer): string {
  const seconds = lagSeconds(answer)
  if (seconds === 0) return 'everything has landed'
  return seconds === null
    ? 'messages that have not landed'
    : `about ${formatAge(Math.max(1, Math.round(seconds))).replace('.0', '')} of messages`
}

/** What a full bar of lag stands for: half a minute of the partition that gets most, or the largest lag if that is more. */
export function lagScale(partitions: readonly Partition[]): number {
  return Math.max(1, ...partitions.map(({ lag_rows, appended_per_s }) => Math.max(lag_rows, appended_per_s * 30)))
}

export const formatRate = (perSecond: number) => formatNumber(perSecond, perSecond > 0 && perSecond < 9.95 ? 1 : 0)

/** Groups reasons: what stands behind ": " is about one letter, what stands before it is what they have in common. */
export const reasonKind = (reason: string) => reason.split(': ')[0]

export function reasonsOf(letters: readonly DeadLetter[]): { reason: string; count: number }[] {
  const counts = new Map<string, number>()
  for (const letter of letters) {
    const kind = reasonKind(letter.reason)
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return [...counts].map(([reason, count]) => ({ reason, count })).sort((one, other) => other.count - one.count)
}

export type Action = 'replay' | 'purge'

/** What a replay or a purge has done, as sentences. */
export function doneText(action: Action, { taken, done, left, before, reason }: DeadLettersDone): string {
  if (taken === 0) return 'No letter matches any more; nothing was changed.'
  const parts =
    action === 'purge'
      ? [
          `${plural(done, 'letter')} deleted.`,
          left > 0 ? `${plural(left, 'letter')} may not be deleted yet${because(reason)}.` : '',
        ]
      : [
          done > 0 ? `${plural(done, 'row')} landed.` : 'No row landed.',
          left > 0 ? `${plural(left, 'letter')} still cannot be read${because(reason)}.` : '',
          before > 0 ? `${plural(before, 'letter')} had been replayed before.` : '',
        ]
  return parts.filter(Boolean).join(' ')
}

const because = (reason: string | null) => (reason ? ` (${reason.replace(/\.$/, '')})` : '')

export interface SchemaField {
  name: string
  type: string
  doc: string
}

/** The fields of an Avro record in the form that the registry keeps; null if it is none. */
export function schemaFields(text: string): SchemaField[] | null {
  let schema: unknown
  try {
    schema = JSON.parse(text)
  } catch {
    return null
  }
  const fields = (schema as { fields?: unknown } | null)?.fields
  if (!Array.isArray(fields)) return null
  return fields.map((field: { name?: unknown; type?: unknown; doc?: unknown }) => ({
    name: String(field.name ?? ''),
    type: typeText(field.type),
    doc: typeof field.doc === 'string' ? field.doc : '',
  }))
}

/** An Avro type as people write it: "double?" is a union with null, "int?[]" an array of such. */
export function typeText(type: unknown): string {
  if (typeof type === 'string') return type
  if (Array.isArray(type)) {
    const others = type.filter(branch => branch !== 'null').map(typeText)
    const text = others.length === 1 ? others[0] : `(${others.join(' | ')})`
    return type.includes('null') ? `${text}?` : text
  }
  const { type: inner, logicalType, items, values, name } = (type ?? {}) as Record<string, unknown>
  if (typeof logicalType === 'string') return logicalType
  if (inner === 'array') return `${typeText(items)}[]`
  if (inner === 'map') return `map of ${typeText(values)}`
  return String(name ?? inner ?? 'unknown')
}

/** A message's state as rows for people: what is null is left out. */
export function stateRows(state: Record<string, unknown>): [name: string, value: string][] {
  return Object.entries(state)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)])
}

/** A moment just after the newest of these letters: what lands later is not among what somebody has looked at. */
export function seenBefore(letters: readonly DeadLetter[]): string | undefined {
  const newest = Math.max(...letters.map(letter => Date.parse(letter.landed_at ?? '')).filter(Number.isFinite))
  return Number.isFinite(newest) ? new Date(newest + 1).toISOString() : undefined
}
