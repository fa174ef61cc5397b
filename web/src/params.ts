// Reads typed values out of URL search parameters. Readers take what a URL gives (strings) and what code gives
// (numbers, arrays), and answer undefined for anything else, so that a damaged link still opens the page.
export type RawSearch = Record<string, unknown>

/** `?a=1&b=x,y` → `{a: '1', b: 'x,y'}`; plain strings, no JSON in the address bar. */
export const parseSearch = (search: string): RawSearch => Object.fromEntries(new URLSearchParams(search))

export function stringifySearch(search: RawSearch): string {
  const parts: string[] = []
  for (const [name, value] of Object.entries(search)) {
    const text = Array.isArray(value) ? value.join(',') : value === true ? '1' : value
    if (text === undefined || text === null || text === '' || text === false) continue
    parts.push(
      `${encodeURIComponent(name)}=${encodeURIComponent(String(text)).replaceAll('%2C', ',').replaceAll('%3A', ':')}`,
    )
  }
  return parts.length > 0 ? `?${parts.join('&')}` : ''
}

export const readText = (raw: unknown): string | undefined => {
  const text = typeof raw === 'number' ? String(raw) : raw
  return typeof text === 'string' && text !== '' ? text : undefined
}

export const readNumber = (raw: unknown, low = -Infinity, high = Infinity): number | undefined => {
  if (raw === '' || raw === null || raw === undefined || typeof raw === 'boolean') return undefined
  const value = Number(raw)
  return Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : undefined
}

export const readFlag = (raw: unknown): true | undefined =>
  raw === true || raw === '1' || raw === 'true' || raw === 1 ? true : undefined

export const readList = (raw: unknown): string[] | undefined => {
  const items = Array.isArray(raw) ? raw.map(String) : typeof raw === 'string' ? raw.split(',') : []
  const kept = items.filter(item => item !== '')
  return kept.length > 0 ? kept : undefined
}

export const readListOf = <T extends string>(raw: unknown, allowed: readonly T[]): T[] | undefined => {
  const kept = (readList(raw) ?? []).filter((item): item is T => allowed.includes(item as T))
  return kept.length > 0 ? kept : undefined
}

export const readNumbers = (raw: unknown): number[] | undefined => {
  const numbers = (readList(raw) ?? []).map(Number).filter(Number.isFinite)
  return numbers.length > 0 ? numbers : undefined
}

export const readPair = (raw: unknown): [number, number] | undefined => {
  const numbers = readNumbers(raw)
  return numbers?.length === 2 ? [numbers[0], numbers[1]] : undefined
}
