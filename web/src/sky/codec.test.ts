import { describe, expect, it } from 'vitest'
import {
  altitudeOf,
  decodeFrame,
  findRow,
  FrameError,
  HEADER_BYTES,
  icaoNumber,
  icaoText,
  isEmergency,
  layout,
  shapeOf,
} from './codec'
import { sampleFrame } from './sample'

describe('layout', () => {
  it.each([0, 1, 2, 3, 4, 5, 15_000])('starts every column of %i rows on a multiple of 4', n => {
    const { offsets, size } = layout(n)
    for (const offset of Object.values(offsets)) expect(offset % 4).toBe(0)
    expect(size % 4).toBe(0)
    expect(offsets.icao24).toBe(HEADER_BYTES)
  })

  it('takes 22 bytes a row and the header', () => {
    expect(layout(4000).size).toBe(HEADER_BYTES + 22 * 4000)
  })
})

describe('decodeFrame', () => {
  it('reads header and rows', () => {
    const frame = sampleFrame([
      {
        icao24: 0x3c6444,
        lat: 50.033,
        lon: -8.57,
        alt: 11_000,
        speed: 231.4,
        track: 90,
        age: 3.2,
        climb: -6.5,
        flags: 0b10,
      },
      { icao24: 0xa00001, alt: null, flags: 0b1_0001 },
    ])
    expect(frame.n).toBe(2)
    expect(frame.lat[0] * 1e-7).toBeCloseTo(50.033, 6)
    expect(frame.lon[0] * 1e-7).toBeCloseTo(-8.57, 6)
    expect(altitudeOf(frame, 0)).toBe(11_000)
    expect(altitudeOf(frame, 1)).toBeNull()
    expect(frame.speed[0]).toBe(2314)
    expect(frame.climb[0]).toBe(-13)
    expect(shapeOf(frame, 0)).toBe('heavy')
    expect(isEmergency(frame, 1)).toBe(true)
  })

  it('says why a damaged frame is refused', () => {
    const good = sampleFrame([{}, {}]).buffer
    expect(() => decodeFrame(new ArrayBuffer(8))).toThrow(/within its header/)
    expect(() => decodeFrame(good.slice(0, good.byteLength - 4))).toThrow(/cut off: 76 of 80 bytes/)
    const wrong = good.slice(0)
    new DataView(wrong).setUint32(0, 1, true)
    expect(() => decodeFrame(wrong)).toThrow(FrameError)
  })
})

describe('findRow', () => {
  const frame = sampleFrame([{ icao24: 1 }, { icao24: 5 }, { icao24: 0xffffff }])
  it.each([
    [1, 0],
    [5, 1],
    [0xffffff, 2],
    [0, -1],
    [4, -1],
  ])('finds %i at %i', (icao24, row) => expect(findRow(frame, icao24)).toBe(row))
  it('finds nothing in an empty sky', () => expect(findRow(sampleFrame([]), 1)).toBe(-1))
})

it('writes addresses with leading zeros and reads them back', () => {
  expect(icaoText(0x04a)).toBe('00004a')
  expect(icaoNumber(icaoText(0x3c6444))).toBe(0x3c6444)
})
