import { describe, expect, it } from 'vitest'
import type { TrackAnswer } from '../api/types'
import { findRow } from '../sky/codec'
import { mergeIdentities, type Identities } from '../sky/identity'
import { sampleFrame, SAMPLE_TIME as T } from '../sky/sample'
import { updateDeparted } from './departed'
import { altitudeHistogram, ALTITUDE_TOP, EVERYTHING, isFiltering, shownRows } from './filter'
import { withoutOverlaps } from './layers/glyphs'
import { TRAIL_FLOATS } from './layers/SkyLayer'
import { iconSize, nearness, repaintInterval } from './layers/zoomRules'
import { nearestPoint, profileScale, runs } from './profile'
import { chooseTrails, currentFlight, drawTrails, joinTrails, TrailStore } from './trails'
import { inView, region, rowsInView, sortRows, type View } from './view'

const frame = sampleFrame([
  { icao24: 1, alt: 11_000, lat: 50, lon: 8, speed: 240, flags: 0 },
  { icao24: 2, alt: 400, lat: 51, lon: 9, speed: 50, flags: 3 << 1 },
  { icao24: 3, alt: null, lat: 52, lon: 10, speed: 5, flags: 1 },
  { icao24: 4, alt: null, lat: -30, lon: 179, speed: 200, flags: 0 },
  { icao24: 5, alt: 14_500, lat: -30, lon: -179, speed: 250, flags: 16 | (1 << 1) },
])
const identities: Identities = mergeIdentities(new Map(), {
  rev: 1,
  boot_id: 'a',
  full: true,
  columns: {
    icao24: ['000001', '000002'],
    callsign: ['DLH4AB  ', null],
    country: ['DE', 'US'],
    country_name: ['Germany', 'United States'],
    airline: ['DLH', null],
    airline_name: ['Lufthansa', null],
    squawk: ['1000', null],
    category: [4, 8],
    registration: ['D-AIXA', null],
    type_code: ['A359', 'EC35'],
    position_source: [0, 2],
  },
})
const shown = (change: Partial<typeof EVERYTHING>) => [...shownRows(frame, identities, { ...EVERYTHING, ...change })]

describe('shownRows', () => {
  it.each([
    ['everything', {}, [1, 1, 1, 1, 1]],
    ['a callsign', { query: 'dlh4' }, [1, 0, 0, 0, 0]],
    ['an airline and a type', { query: 'lufthansa a359' }, [1, 0, 0, 0, 0]],
    ['words of two aircraft', { query: 'lufthansa ec35' }, [0, 0, 0, 0, 0]],
    ['an address without identity', { query: '000004' }, [0, 0, 0, 1, 0]],
    ['a category', { categories: ['rotor'] as const }, [0, 1, 0, 0, 0]],
    ['the ground, before any shape', { categories: ['ground'] as const }, [0, 0, 1, 0, 0]],
    ['low down: unknown altitude is out, standing is 0', { altitude: [0, 1000] as const }, [0, 1, 1, 0, 0]],
    ['high up: the top handle is no limit', { altitude: [10_000, ALTITUDE_TOP] as const }, [1, 0, 0, 0, 1]],
  ])('%s', (_, change, rows) => expect(shown(change)).toEqual(rows))

  it('knows when it filters', () => {
    expect(isFiltering(EVERYTHING)).toBe(false)
    expect(isFiltering({ ...EVERYTHING, query: '  ' })).toBe(false)
    expect(isFiltering({ ...EVERYTHING, altitude: [100, ALTITUDE_TOP] })).toBe(true)
  })
})

it('counts the histogram in the air only, the highest in the last bin', () => {
  const counts = altitudeHistogram(frame, new Uint8Array(5).fill(1), 13)
  expect(counts[0]).toBe(1)
  expect(counts[11]).toBe(1)
  expect(counts[12]).toBe(1)
  expect(counts.reduce((sum, count) => sum + count)).toBe(3)
})

describe('view', () => {
  const view: View = { lat: 50, lon: 8, zoom: 5, west: 0, east: 20, south: 40, north: 60, horizon: null }
  it('wraps at the antimeridian', () => {
    const pacific = { ...view, west: 170, east: 190, south: -40, north: 0 }
    expect(inView(pacific, -30, 179)).toBe(true)
    expect(inView(pacific, -30, -179)).toBe(true)
    expect(inView(pacific, -30, 160)).toBe(false)
    expect(inView({ ...pacific, west: -300, east: 300 }, -30, 12)).toBe(true)
  })
  it('ends at the horizon of a globe', () => {
    const globe = { ...view, west: -180, east: 180, south: -90, north: 90, horizon: 8e6 }
    expect(inView(globe, 40, -40)).toBe(true)
    expect(inView(globe, -40, -170)).toBe(false)
  })
  it('keeps what is shown and in view', () => {
    expect(rowsInView(frame, new Uint8Array([1, 0, 1, 1, 1]), view, T)).toEqual([0, 2])
  })
  it.each([
    ['near', [4, 0, 1, 2, 3]],
    ['altitude', [4, 0, 1, 3, 2]],
    ['speed', [4, 0, 3, 1, 2]],
    ['name', [4, 0, 1, 2, 3]],
  ] as const)('sorts by %s, emergencies first', (sort, order) => {
    expect(sortRows([0, 1, 2, 3, 4], frame, identities, sort, view, T)).toEqual(order)
  })
  it('tells a regional sky from a global one', () => {
    expect(region(frame)).toBeNull()
    const local = sampleFrame([
      { lat: 50, lon: 8 },
      { lat: 51, lon: 9 },
    ])
    expect(region(local)).toMatchObject({ south: 50, north: 51 })
    expect(region(sampleFrame([]))).toBeNull()
  })
})

describe('trails', () => {
  const points = (t: number[], alt: (number | null)[] = t.map(() => 1000)) => ({
    t,
    lat: t.map((_, i) => i),
    lon: t.map((_, i) => i),
    alt,
  })

  it('goes back to the last time on the ground', () => {
    const columns = {
      time: [0, 60, 120, 180, 240],
      latitude: [0, 1, 2, 3, 4],
      longitude: [0, 1, 2, 3, 4],
      altitude: [0, 0, 500, 900, 1200],
      speed: [0, 0, 0, 0, 0],
      track: [0, 0, 0, 0, 0],
      climb: [0, 0, 0, 0, 0],
      on_ground: [false, true, false, false, false],
      callsign: [null, null, null, null, null],
    } satisfies TrackAnswer['columns']
    expect(currentFlight(columns).t).toEqual([120, 180, 240])
    expect(
      currentFlight({ ...columns, on_ground: columns.on_ground.map(() => false), time: [0, 60, 8000, 8060, 8120] }).t,
    ).toEqual([8000, 8060, 8120])
  })

  it('joins lake and memory without going back in time', () => {
    expect(joinTrails(points([0, 60, 120]), points([60, 120, 130, 140])).t).toEqual([0, 60, 120, 130, 140])
    expect(joinTrails(points([0, 60]), undefined).t).toEqual([0, 60])
  })

  it('fades from the tail to the head and puts the selected one last', () => {
    const { pieces, selectedFrom } = drawTrails([points([0, 60, 120])], 0, null)
    expect(pieces.length / TRAIL_FLOATS).toBe(2)
    expect(selectedFrom).toBe(2)
    expect(pieces[3]).toBe(0)
    expect(pieces[TRAIL_FLOATS + 7]).toBeCloseTo(0.42)
    const both = drawTrails([points([0, 60, 120])], 0, points([0, 60]))
    expect(both.selectedFrom).toBe(2)
    expect(both.pieces.length / TRAIL_FLOATS).toBe(3)
    expect(both.pieces[2 * TRAIL_FLOATS + 3]).toBe(1)
  })

  it('drops what is older than the zoom has room for', () => {
    expect(drawTrails([points([0, 60, 120, 180])], 100, null).pieces.length / TRAIL_FLOATS).toBe(1)
  })

  it('carries on from frames with measured positions only', () => {
    const store = new TrailStore()
    store.merge([1], { '000001': points([T - 60]) })
    store.extend(sampleFrame([{ icao24: 1, lat: 5, age: 2 }]))
    store.extend(sampleFrame([{ icao24: 1, lat: 5, age: 12 }], T + 10))
    expect(store.get(1)?.t).toEqual([T - 60, T - 2])
  })

  it('chooses the same aircraft whatever the order of rows, none on the ground', () => {
    const forwards = chooseTrails([0, 1, 2, 3, 4], frame, 2)
    expect(chooseTrails([4, 3, 2, 1, 0], frame, 2)).toEqual(forwards)
    expect(forwards).toHaveLength(2)
    expect(chooseTrails([2], frame)).toEqual([])
  })
})

describe('departed', () => {
  it('remembers who has left and forgets who is back', () => {
    const later = sampleFrame([{ icao24: 1 }], T + 10)
    const gone = updateDeparted(new Map(), frame, later)
    expect([...gone.keys()]).toEqual([2, 3, 4, 5])
    expect(gone.get(5)?.altitude).toBe(14_500)
    expect([...updateDeparted(gone, later, frame).keys()]).toEqual([])
    expect(findRow(later, 2)).toBe(-1)
  })
})

describe('profile', () => {
  const points = { t: [0, 60, 120, 1500, 1560], lat: [], lon: [], alt: [100, 200, null, 300, 400] }
  it('breaks the line at gaps and unknown altitudes', () => {
    expect(runs(points)).toEqual([
      { first: 0, last: 1 },
      { first: 3, last: 4 },
    ])
    expect(runs({ ...points, alt: points.alt.map(() => null) })).toEqual([])
  })
  it('puts the ground at the bottom and the last point at the right', () => {
    const scale = profileScale(points, 1560, { width: 300, height: 76 })
    expect(scale.y(0)).toBe(76)
    expect(scale.x(1560)).toBe(300)
    expect(scale.y(400)).toBeGreaterThan(0)
  })
  it.each([
    [-5, 0],
    [29, 0],
    [31, 1],
    [900, 3],
    [9999, 4],
  ])('finds the point nearest to %d s', (time, index) => expect(nearestPoint(points, time)).toBe(index))
})

describe('zoom rules', () => {
  it('grows icons and never shrinks them', () => {
    for (let zoom = 0; zoom < 14; zoom += 0.5) expect(iconSize(zoom + 0.5)).toBeGreaterThanOrEqual(iconSize(zoom))
    expect([nearness(1), nearness(5)]).toEqual([0, 1])
  })
  it('paints once a second far away and at most at 60 Hz near', () => {
    expect(repaintInterval(2)).toBe(1000)
    expect(repaintInterval(20)).toBe(16)
  })
})

it('leaves out labels that would cover one placed before', () => {
  const box = (left: number) => ({ left, right: left + 50, top: 0, bottom: 16 })
  expect(withoutOverlaps([box(0), box(40), box(60), box(300)])).toEqual([0, 2, 3])
  expect(withoutOverlaps([box(0), box(60)], [{ left: 70, right: 78, top: 4, bottom: 12 }])).toEqual([0])
})
