import { describe, expect, it } from 'vitest'
import { ageAt, certaintyAt, certaintyOf, distance, positionAt, subsolarPoint, wrapLongitude } from './motion'
import { sampleFrame, SAMPLE_TIME as T } from './sample'

describe('certaintyOf', () => {
  it.each([
    [0, 'measured'],
    [15, 'measured'],
    [15.1, 'estimated'],
    [60, 'estimated'],
    [61, 'old'],
    [300, 'old'],
    [301, 'gone'],
    [Infinity, 'gone'],
  ] as const)('%s s is %s', (age, certainty) => expect(certaintyOf(age)).toBe(certainty))

  it('never calls a suspect position measured', () => {
    expect(certaintyAt(sampleFrame([{ age: 1, flags: 64 }]), 0, T)).toBe('estimated')
  })
})

describe('positionAt', () => {
  it('moves along the track by speed times age', () => {
    const frame = sampleFrame([{ lat: 10, lon: 20, speed: 200, track: 0, age: 0 }])
    const at = positionAt(frame, 0, T + 100)
    expect(distance(10, 20, at.lat, at.lon)).toBeCloseTo(20_000, -2)
    expect(at.lon).toBeCloseTo(20, 6)
    expect(at.lat).toBeGreaterThan(10)
  })

  it.each([0, 45, 90, 180, 270, 330])('goes the right distance on track %i even far north', track => {
    const frame = sampleFrame([{ lat: 65, lon: 0, speed: 250, track, age: 20 }])
    const at = positionAt(frame, 0, T + 40)
    expect(distance(65, 0, at.lat, at.lon) / 15_000).toBeCloseTo(1, 2)
  })

  it('stops after five minutes', () => {
    const frame = sampleFrame([{ speed: 100, track: 90 }])
    expect(positionAt(frame, 0, T + 9999)).toEqual(positionAt(frame, 0, T + 300))
  })

  it('leaves aircraft on the ground where they are', () => {
    const at = positionAt(sampleFrame([{ lat: 1, lon: 2, speed: 30, flags: 1 }]), 0, T + 60)
    expect(at.lat).toBeCloseTo(1, 6)
    expect(at.lon).toBeCloseTo(2, 6)
  })

  it('crosses the antimeridian', () => {
    const at = positionAt(sampleFrame([{ lat: 0, lon: 179.99, speed: 250, track: 90 }]), 0, T + 60)
    expect(at.lon).toBeLessThan(-179.8)
  })
})

it('counts no age below that of the frame when clocks disagree', () => {
  expect(ageAt(sampleFrame([{ age: 4 }]), 0, T - 50)).toBe(4)
})

it.each([
  [180, -180],
  [-180, -180],
  [190, -170],
  [-540, -180],
  [12.5, 12.5],
])('wraps %i to %i', (lon, wrapped) => expect(wrapLongitude(lon)).toBeCloseTo(wrapped, 9))

describe('subsolarPoint', () => {
  const degrees = (time: string) => {
    const { lat, lon } = subsolarPoint(Date.parse(time) / 1000)
    return { lat: (lat * 180) / Math.PI, lon: (lon * 180) / Math.PI }
  }
  it.each([
    ['2024-06-20T20:51:00Z', 23.44],
    ['2024-12-21T09:20:00Z', -23.44],
    ['2024-03-20T03:06:00Z', 0],
  ])('stands at the latitude of the season, %s', (time, lat) => expect(degrees(time).lat).toBeCloseTo(lat, 1))

  it('is near the zero meridian at noon, off by the equation of time', () => {
    // 2024-11-03: the sun is 16.4 minutes early, 4.1°.
    expect(degrees('2024-11-03T12:00:00Z').lon).toBeCloseTo(-4.1, 0)
    expect(degrees('2024-02-11T12:00:00Z').lon).toBeCloseTo(3.56, 0)
  })
})
