// The payload of a dead letter for people: JSON with line breaks, other text as it is, bytes in hex and ASCII.
import type { DeadLetter } from './answers'

const MOST_BYTES = 1024
const WIDTH = 16

export function payloadText({ text, base64 }: Pick<DeadLetter, 'text' | 'base64'>): string {
  if (text !== null) return jsonText(text) ?? text
  if (base64 === null) return 'The message has no payload.'
  let bytes: Uint8Array
  try {
    bytes = Uint8Array.from(atob(base64), char => char.charCodeAt(0))
  } catch {
    return base64
  }
  return hexText(bytes)
}

function jsonText(text: string): string | null {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return null
  }
}

/** "0000  00 00 00 00 04 0e 6f 70  65 6e 73 6b 79           ······opensky" */
export function hexText(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let at = 0; at < Math.min(bytes.length, MOST_BYTES); at += WIDTH) {
    const row = [...bytes.subarray(at, Math.min(at + WIDTH, MOST_BYTES))]
    const pairs = row.map((byte, i) => `${i === WIDTH / 2 ? ' ' : ''}${byte.toString(16).padStart(2, '0')}`)
    const ascii = row.map(byte => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·')).join('')
    lines.push(`${at.toString(16).padStart(4, '0')}  ${pairs.join(' ').padEnd(3 * WIDTH)}  ${ascii}`)
  }
  if (bytes.length > MOST_BYTES) lines.push(`and ${bytes.length - MOST_BYTES} more bytes`)
  return lines.join('\n')
}
