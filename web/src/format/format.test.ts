import { describe, expect, it } from 'vitest'
import { readUnits, unitsOf } from '../prefs/preferences'
import { formatBytes, formatLatitude, formatNumber, formatPercent, formatShort, plural } from './numbers'
import { formatAge, formatClock, formatCountdown, formatDay, formatDayTime } from './time'
import { fromUnit, measure, measureText, toUnit } from './units'

describe('measure', () => {
  it.each([
    ['altitude', 10_973, 'metric', '10,970 m'],
    ['altitude', 10_973, 'aviation', '36,000 ft'],
    ['altitude', 0, 'imperial', '0 ft'],
    ['speed', 250, 'metric', '900 km/h'],
    ['speed', 250, 'aviation', '486 kt'],
    ['speed', 250, 'imperial', '559 mph'],
    ['climb', -7.62, 'metric', '−7.6 m/s'],
    ['climb', -7.62, 'aviation', '−1,500 ft/min'],
    ['climb', -0.01, 'metric', '0.0 m/s'],
    ['distance', 1_852_000, 'aviation', '1,000 NM'],
    ['distance', 1_852_000, 'metric', '1,852 km'],
  ] as const)('%s %d in %s is %s', (quantity, si, system, text) => {
    expect(measureText(quantity, si, unitsOf(system))).toBe(text)
  })

  it('says nothing of what is not known', () => {
    for (const nothing of [null, undefined, Number.NaN])
      expect(measureText('speed', nothing, unitsOf('metric'))).toBe('–')
  })

  it('takes each quantity in its own system', () => {
    const units = { ...unitsOf('metric'), altitude: 'aviation' as const }
    expect(measure('altitude', 3048, units)).toEqual({ value: '10,000', unit: 'ft' })
    expect(measure('speed', 10, units).unit).toBe('km/h')
  })

  it('converts back', () => {
    expect(fromUnit('altitude', toUnit('altitude', 1234, unitsOf('aviation')), unitsOf('aviation'))).toBeCloseTo(1234)
  })
})

describe('readUnits', () => {
  it.each([null, 'metric', 7, {}, { altitude: 'cubits' }])('reads %j as metric', raw => {
    expect(readUnits(raw)).toEqual(unitsOf('metric'))
  })
})

describe('time', () => {
  it.each([
    [0, '0.0 s'],
    [4.83, '4.8 s'],
    [9.96, '10 s'],
    [63, '63 s'],
    [118, '2 min'],
    [3599, '1 h 00 min'],
    [7500, '2 h 05 min'],
    [90_000, '1 d 1 h'],
    [-3, '0.0 s'],
    [Infinity, '–'],
  ])('age %d is %s', (seconds, text) => expect(formatAge(seconds)).toBe(text))

  it.each([
    [4.2, '5 s'],
    [-1, '0 s'],
    [125, '2 min 05 s'],
    [4320, '1 h 12 min'],
  ])('countdown %d is %s', (seconds, text) => expect(formatCountdown(seconds)).toBe(text))

  it('shows UTC whatever the zone of the machine', () => {
    expect(formatClock('2026-03-14T23:05:09Z', 'utc')).toBe('23:05:09')
    expect(formatDay('2026-03-14T23:05:09Z', 'utc')).toBe('Sat 14 Mar')
    expect(formatDay('2026-09-14T23:05:09Z', 'utc')).toBe('Mon 14 Sep')
    expect(formatDayTime(Date.parse('2026-03-14T00:05:09Z') / 1000, 'utc')).toBe('14 Mar 00:05')
  })
})

describe('numbers', () => {
  it('groups, and writes a true minus', () => {
    expect(formatNumber(12_345)).toBe('12,345')
    expect(formatNumber(-2.5, 1)).toBe('−2.5')
  })
  it.each([
    [999, '999'],
    [1234, '1.2k'],
    [12_000, '12k'],
    [4_500_000, '4.5M'],
  ])('shortens %d to %s', (value, text) => expect(formatShort(value)).toBe(text))
  it('has units for bytes, shares, places and counts', () => {
    expect(formatBytes(1_234)).toBe('1.2 kB')
    expect(formatPercent(0.0593)).toBe('5.9 %')
    expect(formatLatitude(-33.95)).toBe('33.950° S')
    expect([plural(1, 'hour'), plural(31, 'hour')]).toEqual(['1 hour', '31 hours'])
  })
})
