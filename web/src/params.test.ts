import { describe, expect, it } from 'vitest'
import { readLiveSearch } from './live/search'
import { parseSearch, readFlag, readNumber, stringifySearch } from './params'

describe('addresses', () => {
  it('come back as they went', () => {
    const search = {
      c: [50.1, 8.6],
      z: 6.5,
      sel: '3c6444',
      q: 'DLH & co',
      cat: ['light', 'rotor'],
      alt: [0, 3000],
      globe: true,
      hide: ['night'],
    }
    const text = stringifySearch(search)
    expect(text).toBe('?c=50.1,8.6&z=6.5&sel=3c6444&q=DLH%20%26%20co&cat=light,rotor&alt=0,3000&globe=1&hide=night')
    expect(readLiveSearch(parseSearch(text))).toMatchObject(search)
  })

  it('leave out what is not set', () => {
    expect(stringifySearch({ a: undefined, b: '', c: false, d: null })).toBe('')
  })

  it.each(['?c=x,y', '?c=100,0', '?z=no', '?sel=zzz', '?sel=12', '?cat=ufo', '?alt=1', '?sort=luck', '?globe=maybe'])(
    'survive damage: %s',
    text => {
      expect(Object.values(readLiveSearch(parseSearch(text))).every(value => value === undefined)).toBe(true)
    },
  )
})

it('keeps numbers in their range', () => {
  expect(readNumber('99', 0, 14)).toBe(14)
  expect(readNumber('')).toBeUndefined()
  expect(readNumber(true)).toBeUndefined()
  expect([readFlag('1'), readFlag('0')]).toEqual([true, undefined])
})
