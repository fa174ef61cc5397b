import { describe, expect, it } from 'vitest'
import css from '../styles/tokens.css?raw'

/** WCAG 2.2, level AA, for text below 24 px. */
const LEAST_CONTRAST = 4.5

/** The colours of a theme by name. */
function colours(theme: string): Record<string, string> {
  const [, block] = css.split(`data-theme='${theme}'] {`)
  return Object.fromEntries([...block.split('}')[0].matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, n, c]) => [n, c]))
}

function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map(at => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (light + 0.05) / (dark + 0.05)
}

describe.each(['dark', 'light'])('%s', theme => {
  const named = colours(theme)
  const everywhere = ['tx', 'tx2', 'accent', 'ok', 'warn', 'bad']

  it.each([
    ...everywhere.flatMap(ink => ['page', 'panel', 'panel2', 'accent-bg'].map(ground => [ink, ground])),
    // Where a row is chosen, the faint text becomes the plainer one.
    ...['page', 'panel', 'panel2'].map(ground => ['tx3', ground]),
    ['accent-ink', 'accent'],
    ['demo-ink', 'demo'],
  ])('%s is readable on %s', (ink, ground) => {
    expect(contrast(named[ink], named[ground])).toBeGreaterThanOrEqual(LEAST_CONTRAST)
  })
})
