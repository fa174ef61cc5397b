// A figure's table: as text on screen and as a CSV file (RFC 4180, SI units, UTC).
export type Cell = string | number | null

export interface Column {
  title: string
  /** Name in the file, with the unit: "median_altitude_m". */
  csv: string
  numeric?: boolean
  /** In mono: codes. */
  mono?: boolean
  text: (cell: Cell) => string
}

export interface Table {
  columns: Column[]
  rows: Cell[][]
}

const quote = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

// A spreadsheet would run a text that begins like a formula.
const harmless = (text: string) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text)

const field = (cell: Cell) => (cell === null ? '' : typeof cell === 'number' ? String(cell) : quote(harmless(cell)))

export const toCsv = ({ columns, rows }: Table): string =>
  [columns.map(column => column.csv), ...rows.map(row => row.map(field))].map(line => `${line.join(',')}\r\n`).join('')

export function download(name: string, table: Table) {
  const url = URL.createObjectURL(new Blob([toCsv(table)], { type: 'text/csv;charset=utf-8' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
