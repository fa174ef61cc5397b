import { describe, expect, it } from 'vitest'
import { parseSearch, stringifySearch } from '../params'
import { unitsOf } from '../prefs/preferences'
import { changeText } from './Change'
import { toCsv, type Table } from './csv'
import { encodeCells } from './DensityLayer'
import {
  bandShares,
  boxOf,
  buildSeries,
  change,
  hourlyMeans,
  isolated,
  logShare,
  mergeCells,
  mergeFactor,
  niceTicks,
  placeInWeek,
  weekGrid,
} from './figures'
import { bandText, chips, slotChosen, toggle, toggleSlot } from './filters'
import {
  coveredPeriod,
  customPeriod,
  fromInput,
  HOUR,
  offeredPresets,
  periodText,
  resolvePeriod,
  toInput,
  wholeHours,
} from './period'
import { readExploreSearch } from './search'
import { sequentialRgb, SEQUENTIAL } from './sequential'
import { densityTable, seriesTable } from './tables'

const at = (text: string) => Date.parse(text)
const T0 = at('2026-03-14T00:00:00Z')

describe('the address', () => {
  it('comes back as it went', () => {
    const text = '?from=2026-03-13T09:00Z&to=2026-03-14T09:00Z&country=DE,FR&airline=DLH&band=-1,0,11&hour=0,23&dow=7'
    const search = readExploreSearch(parseSearch(text))
    expect(search).toMatchObject({
      country: ['DE', 'FR'],
      airline: ['DLH'],
      band: [-1, 0, 11],
      hour: [0, 23],
      dow: [7],
    })
    expect(stringifySearch({ ...search })).toBe(text)
  })
  it.each([
    '?range=2y',
    '?from=x&to=y',
    '?from=2026-03-14T09:00Z',
    '?country=GERMANY',
    '?band=99',
    '?hour=24,-1',
    '?dow=0',
    '?table=all',
  ])('survives damage: %s', text => {
    expect(Object.values(readExploreSearch(parseSearch(text))).every(value => value === undefined)).toBe(true)
  })
  it('takes a period only if it begins before it ends', () => {
    const search = readExploreSearch({ from: '2026-03-14T09:00Z', to: '2026-03-13T09:00Z', range: '7d' })
    expect(search).toMatchObject({ range: '7d', from: undefined, to: undefined })
  })
})

describe('periods', () => {
  const covered = { from: T0 - 25 * HOUR, to: T0 + HOUR }
  it('cover from the first hour to the end of the last', () => {
    expect(coveredPeriod({ first: '2026-03-14T00:00:00Z', last: '2026-03-14T05:00:00Z' })).toEqual({
      from: T0,
      to: T0 + 6 * HOUR,
    })
    expect(coveredPeriod({ first: null, last: null })).toBeNull()
  })
  it.each([
    [{}, 25],
    [{ range: '1h' as const }, 2],
    [{ range: '6h' as const }, 7],
    [{ range: '30d' as const }, 26],
    [{ from: '2026-03-13T09:30Z', to: '2026-03-13T11:10Z' }, 3],
  ])('%j has %d hours', (search, hours) => {
    const { from, to } = resolvePeriod(search, covered)
    expect((to - from) / HOUR).toBe(hours)
  })
  it('offers no preset that would show nothing more', () => {
    expect(offeredPresets(covered, '24h')).toEqual(['1h', '6h', '24h', '7d'])
    expect(offeredPresets({ from: T0 - HOUR, to: T0 }, '24h')).toEqual(['1h', '24h'])
    expect(offeredPresets({ from: T0 - 2000 * HOUR, to: T0 }, null)).toHaveLength(5)
  })
  it('takes a typed period to what there is, or says why not', () => {
    expect(customPeriod(T0 - 99 * HOUR, T0 - HOUR / 2, covered)).toEqual({ from: covered.from, to: T0 })
    for (const [from, to] of [
      [Number.NaN, T0],
      [T0, T0],
      [T0 - 99 * HOUR, T0 - 90 * HOUR],
    ])
      expect(typeof customPeriod(from, to, covered)).toBe('string')
  })
  it('is never empty', () => expect(wholeHours({ from: T0, to: T0 })).toEqual({ from: T0, to: T0 + HOUR }))
  it('is written with its zone', () => {
    expect(periodText({ from: T0, to: T0 + 3 * HOUR }, 'utc', T0 + 9 * HOUR)).toBe('14 Mar 00:00 – 03:00 UTC')
    expect(periodText({ from: T0, to: T0 + 30 * HOUR }, 'utc', T0 + 99 * HOUR)).toBe('14 Mar 00:00 – 15 Mar 06:00 UTC')
    expect(periodText({ from: T0, to: T0 + 3 * HOUR }, 'utc', T0 + 2.5 * HOUR)).toBe('14 Mar 00:00 UTC – now')
  })
  it.each(['utc', 'local'] as const)('fields hold it in %s', zone => {
    expect(fromInput(toInput(T0, zone), zone)).toBe(T0)
  })
})

describe('hours', () => {
  const point = (hours: number, aircraft: number) => ({
    hour: new Date(T0 + hours * HOUR).toISOString(),
    aircraft,
    observations: 1,
  })
  const period = { from: T0, to: T0 + 5 * HOUR }
  it('keep their gaps', () => {
    const series = buildSeries([point(0, 5), point(3, 7)], null, period, {}, T0 + 9 * HOUR)
    expect(series.counts).toEqual([5, null, null, 7, null])
    expect(series.gaps.map(([from, to]) => [(from * 1000 - T0) / HOUR, (to * 1000 - T0) / HOUR])).toEqual([
      [1, 3],
      [4, 5],
    ])
    expect(series.running).toBeNull()
    expect(isolated(series.counts)).toEqual([0, 3])
  })
  it('know what is not over yet, and what a filter took out', () => {
    const running = buildSeries([point(3, 7), point(4, 2)], null, period, { hour: [3, 4] }, T0 + 4.5 * HOUR)
    expect(running.gaps).toEqual([])
    expect(running.running).toBe(4)
    expect(buildSeries([], null, period, { country: ['DE'] }, T0 + 9 * HOUR).gaps).toEqual([])
  })
  it('lie over the period before', () => {
    const series = buildSeries([point(0, 5)], [point(-5, 4), point(-1, 9)], period, {}, T0)
    expect(series.before).toEqual([4, null, null, null, 9])
    const table = seriesTable(series, 'utc')
    expect(table.rows[0]).toEqual(['2026-03-14T00:00:00.000Z', 5, 4])
    expect(table.columns[0].text(table.rows[0][0])).toBe('Sat 14 Mar 00:00')
  })
  it('have their place in the week', () => {
    expect(placeInWeek(at('2026-03-15T23:10:00Z'))).toEqual({ dow: 7, hour: 23 })
    expect(placeInWeek(at('2026-03-16T00:00:00Z'))).toEqual({ dow: 1, hour: 0 })
  })
  it('make a week and a day', () => {
    const grid = weekGrid([
      { dow: 1, hour: 0, aircraft: 4 },
      { dow: 7, hour: 0, aircraft: 8 },
      { dow: 7, hour: 23, aircraft: 1 },
    ])
    expect(grid[6][23]).toBe(1)
    expect(grid[3][3]).toBeNull()
    expect([hourlyMeans(grid)[0], hourlyMeans(grid)[1], hourlyMeans(grid)[23]]).toEqual([6, null, 1])
  })
})

describe('filters', () => {
  it('toggle', () => {
    expect(toggle(undefined, 'DE')).toEqual(['DE'])
    expect(toggle(['DE', 'FR'], 'DE')).toEqual(['FR'])
    expect(toggle(['DE'], 'DE')).toBeUndefined()
  })
  it('take one slot of the week, and leave it again', () => {
    expect(toggleSlot({ hour: [1, 2] }, 7, 14)).toEqual({ dow: [7], hour: [14] })
    expect(toggleSlot({ dow: [7], hour: [14] }, 7, 14)).toEqual({ dow: undefined, hour: undefined })
    expect([slotChosen({}, 1, 1), slotChosen({ dow: [1] }, 1, 9), slotChosen({ dow: [1], hour: [2] }, 1, 9)]).toEqual([
      false,
      true,
      false,
    ])
  })
  it('are named', () => {
    const names = chips(
      { country: ['DE'], airline: ['XYZ'], band: [0, 3], dow: [7], hour: [5] },
      undefined,
      unitsOf('metric'),
    )
    expect(names.map(chip => chip.text)).toEqual([
      'Germany',
      'XYZ',
      'On the ground',
      '2,000 – 3,000 m',
      'Sunday',
      '05:00 UTC',
    ])
    expect(bandText({ band: 14, from_m: 13_000, to_m: null }, unitsOf('aviation'))).toBe('above 42,650 ft')
    expect(bandText({ band: -1, from_m: null, to_m: null }, unitsOf('metric'))).toBe('Altitude unknown')
  })
})

describe('numbers of figures', () => {
  it('are shares that add up', () => {
    const band = (band: number, observations: number) => ({ band, from_m: null, to_m: null, observations })
    const shares = bandShares([band(-1, 10), band(1, 30), band(0, 60)])
    expect(shares.map(({ band, share }) => [band, share])).toEqual([
      [0, 0.6],
      [1, 0.3],
      [-1, 0.1],
    ])
    expect(bandShares([band(0, 0), band(-1, 0)])).toEqual([{ ...band(0, 0), share: 0 }])
  })
  it.each([
    [24.5, [0, 10, 20, 30]],
    [4, [0, 1, 2, 3, 4]],
    [0.7, [0, 0.2, 0.4, 0.6, 0.8]],
    [0, [0, 1]],
  ])('ticks up to %d are %j', (top, ticks) => expect(niceTicks(top)).toEqual(ticks))
  it.each([
    [110, 100, '+10.0 %'],
    [90, 100, '−10.0 %'],
    [100, 100, '±0 %'],
    [350, 100, '+250 %'],
    [5000, 100, '×50'],
    [7, 0, 'new'],
    [0, 0, '–'],
  ])('%d after %d is %s', (now, before, text) => expect(changeText(now, before)).toBe(text))
  it('compare only with something', () =>
    expect([change(1, null), change(null, 1), change(1, 0)]).toEqual([null, null, null]))
})

describe('the map', () => {
  it('joins cells without losing an observation', () => {
    const cells: [number, number, number][] = [
      [0, 0, 1],
      [1, 1, 2],
      [2, 0, 4],
      [719, 1439, 8],
    ]
    expect(mergeCells(cells, 2).toSorted((a, b) => a[2] - b[2])).toEqual([
      [0, 0, 3],
      [1, 0, 4],
      [359, 719, 8],
    ])
    expect(mergeCells(cells, 1)).toEqual(cells)
  })
  it('joins fewer the nearer one is', () => {
    expect([0, 1, 2, 3, 6].map(zoom => mergeFactor(0.25, zoom))).toEqual([8, 4, 2, 1, 1])
  })
  it('has a logarithmic scale', () => {
    expect([logShare(1, 10_000), logShare(100, 10_000), logShare(10_000, 10_000), logShare(1, 1)]).toEqual([
      0, 0.5, 1, 1,
    ])
    expect(
      [sequentialRgb(0, 'dark'), sequentialRgb(1, 'dark')].map(
        rgb => `#${rgb.map(c => c.toString(16).padStart(2, '0')).join('')}`,
      ),
    ).toEqual([SEQUENTIAL.dark[0], SEQUENTIAL.dark[5]])
  })
  it('shows where everything is', () => {
    expect(
      boxOf({
        cell_deg: 1,
        cells: [
          [140, 188, 5],
          [141, 190, 5],
        ],
      }),
    ).toEqual({ west: 8, south: 50, east: 11, north: 52 })
    // One stray among thousands does not move the map.
    expect(
      boxOf({
        cell_deg: 1,
        cells: [
          [140, 188, 5000],
          [0, 0, 1],
        ],
      }),
    ).toEqual({ west: 8, south: 50, east: 9, north: 51 })
    expect(boxOf({ cell_deg: 1, cells: [] })).toBeNull()
  })
  it('encodes cells as boxes of the map', () => {
    const { count, data } = encodeCells([[90, 180, 3]], 1, () => [1, 2, 3, 4])
    const [west, north, east, south] = new Float32Array(data, 0, 4)
    expect(count).toBe(1)
    expect([west, south]).toEqual([0.5, 0.5])
    expect(east).toBeCloseTo(0.5 + 1 / 360)
    expect(north).toBeLessThan(0.5)
    expect([...new Uint8Array(data, 16, 4)]).toEqual([1, 2, 3, 4])
  })
  it('is a table too, most first', () => {
    const table = densityTable({
      cell_deg: 0.5,
      cells: [
        [0, 0, 1],
        [200, 400, 9],
      ],
    })
    expect(table.rows).toEqual([
      [10, 20, 9],
      [-90, -180, 1],
    ])
    expect(table.columns[0].text(-90)).toBe('90.00° S')
  })
})

it('files are safe to open', () => {
  const text = (cell: unknown) => String(cell)
  const table: Table = {
    columns: [
      { title: 'Name', csv: 'name', text },
      { title: 'Count', csv: 'count', text },
    ],
    rows: [
      ['a "b", c', 1],
      ['=1+1', null],
      ['Türkiye', -2.5],
    ],
  }
  expect(toCsv(table)).toBe('name,count\r\n"a ""b"", c",1\r\n\'=1+1,\r\nTürkiye,-2.5\r\n')
})
