// What each figure shows, as rows and columns.
import { formatNumber, formatPercent } from '../format/numbers'
import { formatDay, formatHourMinute } from '../format/time'
import type { Units, Zone } from '../prefs/preferences'
import type { DensityAnswer, Ranked } from './answers'
import type { Cell, Column, Table } from './csv'
import { bandText, DAYS, hourText } from './filters'
import { type BandShare, type Series, weekGrid } from './figures'

const plain = (cell: Cell) => (cell === null ? '–' : String(cell))
const count = (title: string, csv: string): Column => ({
  title,
  csv,
  numeric: true,
  text: cell => (typeof cell === 'number' ? formatNumber(cell) : '–'),
})
const words = (title: string, csv: string): Column => ({ title, csv, text: plain })
const code = (title: string, csv: string): Column => ({ title, csv, mono: true, text: plain })

export function seriesTable(series: Series, zone: Zone): Table {
  const compared = series.before.some(value => value !== null)
  const half = 1800
  const hour: Column = {
    title: 'Hour',
    csv: 'hour_utc',
    text: cell => `${formatDay(String(cell), zone)} ${formatHourMinute(String(cell), zone)}`,
  }
  return {
    columns: [hour, count('Aircraft', 'aircraft'), ...(compared ? [count('Period before', 'aircraft_before')] : [])],
    rows: series.times.map((time, i) => [
      new Date((time - half) * 1000).toISOString(),
      series.counts[i],
      ...(compared ? [series.before[i]] : []),
    ]),
  }
}

export function listTable(rows: readonly Ranked[], name: string): Table {
  const compared = rows.some(row => row.previous !== null)
  return {
    columns: [
      code('Code', 'code'),
      words(name, name.toLowerCase()),
      count('Aircraft', 'aircraft'),
      count('Observations', 'observations'),
      ...(compared ? [count('Before', 'aircraft_before')] : []),
    ],
    rows: rows.map(row => [row.code, row.name, row.aircraft, row.observations, ...(compared ? [row.previous] : [])]),
  }
}

export function bandTable(bands: readonly BandShare[], units: Units): Table {
  return {
    columns: [
      { title: 'Altitude', csv: 'band', text: cell => bandName(bands, Number(cell), units) },
      count('Observations', 'observations'),
      {
        title: 'Share',
        csv: 'share',
        numeric: true,
        text: cell => formatPercent(Number(cell)),
      },
    ],
    rows: bands.map(band => [band.band, band.observations, Number(band.share.toFixed(6))]),
  }
}

function bandName(bands: readonly BandShare[], value: number, units: Units): string {
  const band = bands.find(candidate => candidate.band === value)
  return band ? bandText(band, units) : '–'
}

export function weekTable(grid: ReturnType<typeof weekGrid>): Table {
  return {
    columns: [words('Day', 'day'), words('Hour, UTC', 'hour_utc'), count('Mean aircraft', 'mean_aircraft')],
    rows: grid.flatMap((hours, day) =>
      hours.flatMap((mean, hour) => (mean === null ? [] : [[DAYS[day], hourText(hour), mean]])),
    ),
  }
}

export function densityTable({ cell_deg, cells }: DensityAnswer): Table {
  const degrees = (title: string, csv: string, names: string): Column => ({
    title,
    csv,
    numeric: true,
    text: cell => `${Math.abs(Number(cell)).toFixed(2)}° ${names[Number(cell) < 0 ? 0 : 1]}`,
  })
  return {
    columns: [
      degrees('South edge', 'south_deg', 'SN'),
      degrees('West edge', 'west_deg', 'WE'),
      count('Observations', 'observations'),
    ],
    rows: cells
      .toSorted((a, b) => b[2] - a[2])
      .map(([row, column, seen]) => [row * cell_deg - 90, column * cell_deg - 180, seen]),
  }
}
