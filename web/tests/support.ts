// What the browser tests share: a page that watches for errors and foreign requests, waiting for the sky, faults.
import { AxeBuilder } from '@axe-core/playwright'
import { expect, test as base, type APIRequestContext, type Locator, type Page } from '@playwright/test'

export interface Watch {
  /** Uncaught errors, console errors, breaches of the content security policy. */
  errors: string[]
  foreign: string[]
}

export const test = base.extend<{ watch: Watch }>({
  watch: async ({ page, baseURL }, use) => {
    const watch: Watch = { errors: [], foreign: [] }
    const origin = new URL(baseURL ?? '').origin
    page.on('pageerror', error => watch.errors.push(error.message))
    page.on('console', message => message.type() === 'error' && watch.errors.push(message.text()))
    page.on('request', request => {
      const url = new URL(request.url())
      if (!['data:', 'blob:'].includes(url.protocol) && url.origin !== origin) watch.foreign.push(request.url())
    })
    await use(watch)
  },
})

export { expect }

/** Opens a page of the Live map and waits until aircraft are in the list. */
export async function openLive(page: Page, search = '') {
  const named = page.waitForResponse(/\/live\/identity/)
  await page.goto(`/live${search}`)
  await expect(rows(page).first()).toBeVisible({ timeout: 40_000 })
  // Rows have names only then.
  await named
}

/** A row's own address in the page: two flights may share a callsign, or the beginning of one. */
export async function byId(page: Page, row: Locator): Promise<[row: Locator, name: string]> {
  const id = await row.getAttribute('id')
  const same = page.locator(`#${id}`)
  await expect(same.locator('b')).toHaveText(/./)
  return [same, await same.locator('b').innerText()]
}

/** Where something is once it has stopped moving. */
export async function standing(what: Locator) {
  let before = await what.boundingBox()
  await expect(async () => {
    const now = await what.boundingBox()
    const moved = !before || !now || Math.hypot(now.x - before.x, now.y - before.y) > 1
    before = now
    expect(moved).toBe(false)
  }).toPass({ intervals: [500] })
  if (!before) throw new Error('it is not there')
  return before
}

export const rows = (page: Page) => page.getByRole('listbox', { name: 'Aircraft in view' }).getByRole('option')

export async function inView(page: Page): Promise<number> {
  const text = await page.locator('header:has(h2:text("In view")) b').innerText()
  return Number(text.replaceAll(',', ''))
}

/** Parts of the Explore page, by their titles. */
export const figure = (page: Page, name: string) => page.getByRole('region', { name, exact: true })
export const bars = (page: Page, name: string) => figure(page, name).getByRole('listitem').getByRole('button')
export const kpi = (page: Page, name: string) =>
  page.locator('dl > div').filter({ hasText: name }).locator('dd').first()

/** Puts the stand-in server into a state; skips the test on a server that has no such door. */
export async function setMode(request: APIRequestContext, mode: string) {
  const answer = await request.post('/mock', { data: { mode }, failOnStatusCode: false })
  const known = answer.ok() && (await answer.json().catch(() => null))?.mode === mode
  base.skip(!known, 'This server has no door for faults; the stand-in server has.')
}

/** Puts the stand-in server's stream into a scene, dead letters as at the start; skips like `setMode`. */
export async function setScene(request: APIRequestContext, stream: string) {
  const answer = await request.post('/mock', { data: { stream }, failOnStatusCode: false })
  const known = answer.ok() && (await answer.json().catch(() => null))?.stream === stream
  base.skip(!known, 'This server has no door for scenes; the stand-in server has.')
}

export async function expectAccessible(page: Page) {
  // Half faded in, text has half its contrast.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map(animation => animation.finished)))
  const { violations } = await new AxeBuilder({ page }).analyze()
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.target.join(' ')).join(', ')}`)).toEqual([])
}

/** The state in the status bar, as seen (its twin is only heard). */
export const state = (page: Page, name: string) =>
  page.getByText(name, { exact: true }).and(page.locator(':not([role])'))
