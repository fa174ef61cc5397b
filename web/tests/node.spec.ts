// What only the real node can show: its own sky, landed, modelled and asked. Run against CONTRAIL_SERVER (`contrail up
// --demo`), which starts with an empty data folder and fills in the day before by itself.
import type { Page } from '@playwright/test'
import { bars, expect, figure, inView, kpi, openLive, rows, state, test } from './support'

/** The first number in a text. */
const number = (text: string) => Number(/[\d,]+(\.\d+)?/.exec(text)?.[0].replaceAll(',', ''))

interface Figures {
  from: string
  to: string
  kpis: { aircraft: number; observations: number }
  countries: { code: string; aircraft: number }[]
  series: unknown[]
}

test('the live sky comes from the node, ages, and is renewed', async ({ page, watch }) => {
  const frames = new Set<string>()
  page.on('response', response => {
    if (response.ok() && response.url().includes('/live/frames/')) frames.add(response.url())
  })
  await openLive(page)
  expect(await inView(page)).toBeGreaterThan(1000)
  await expect(page.getByText('Demo sky')).toBeVisible()
  await expect(state(page, 'Streaming')).toBeVisible()
  const status = page.getByRole('contentinfo', { name: 'Status' })
  await expect(status).toContainText(/Snapshot [\d.]+ s old/)
  await expect(status).toContainText(/Next fetch in \d+ s/)
  await expect(status).toContainText(/landed [\d.]+ (s|min) ago/)
  const age = async () => /Snapshot\s+([\d.]+)/.exec(await status.innerText())?.[1]
  const first = await age()
  await expect.poll(age).not.toBe(first)
  // The next answer of the feed brings another frame, by itself.
  await expect.poll(() => frames.size, { timeout: 40_000 }).toBeGreaterThan(1)
  // While the day before is filled in, the disk may be late with an answer.
  await expect(async () => {
    const answer = await (await page.request.get('/api/v1/status')).json()
    expect(answer.feeds).toMatchObject([{ name: 'demo', state: 'ok', interval_s: 10 }])
    expect(await inView(page)).toBeLessThanOrEqual(answer.sky.aircraft)
  }).toPass({ timeout: 60_000 })
  expect(watch.foreign).toEqual([])
  expect(watch.errors).toEqual([])
})

test('the card of an aircraft remembers what the lake holds', async ({ page, watch }) => {
  await filled(page)
  // Where every aircraft is heard, and at heights that none has just left the ground at.
  await openLive(page, '?c=50,10&z=5&alt=6000,13000')
  const answered = page.waitForResponse(answer => /\/aircraft\/[0-9a-f]{6}$/.test(answer.url()) && answer.ok())
  // Heard of within the last minute: the others tell their age in the list.
  const flying = rows(page).filter({ hasNotText: /emergency|ground|gone|–/i, hasNot: page.locator('em') })
  await flying.nth(1).click({ timeout: 20_000 })
  const card = page.getByRole('article')
  await expect(card.getByText(/^(Measured|Estimated|Old position)/)).toBeVisible()
  await expect(card.getByText(/Seen in \d+ hours?/)).toBeVisible()
  await expect(card.getByText(/Altitude since/)).toBeVisible()
  const history = await (await answered).json()
  expect(history.icao24).toBe(new URL(page.url()).searchParams.get('sel'))
  await expect(card.getByText(new RegExp(`Seen in ${history.hours_seen} hour`))).toBeVisible()
  expect(watch.errors).toEqual([])
})

test('Explore counts the day that has landed, and a country narrows it', async ({ page, watch }) => {
  const whole = await filled(page)
  await page.goto(`/explore?from=${whole.from}&to=${whole.to}`)
  for (const name of ['Countries', 'Airlines']) await expect(bars(page, name).first()).toBeVisible({ timeout: 40_000 })
  expect(number(await kpi(page, 'Aircraft').innerText())).toBeGreaterThanOrEqual(whole.kpis.aircraft)
  expect(number(await kpi(page, 'Airborne now').innerText())).toBeGreaterThan(1000)
  await expect(kpi(page, 'Median altitude')).toHaveText(/\d/)
  await expect(figure(page, 'Density').getByText(/in [\d.]+° cells/)).toBeVisible()
  await expect(figure(page, 'Altitude').getByRole('img').first()).toHaveAttribute('aria-label', /\d/)
  await expect(figure(page, 'When the sky is full').locator('td button').first()).toBeVisible()
  await expect(figure(page, 'Aircraft by hour').locator('canvas')).toBeVisible()

  const country = await bars(page, 'Countries').first().locator('code').innerText()
  const aircraft = number(await kpi(page, 'Aircraft').innerText())
  const airlines = await bars(page, 'Airlines').count()
  const cells = await sentence(page, 'Density')
  await bars(page, 'Countries').first().click()
  await expect(page).toHaveURL(new RegExp(`country=${country}(&|$)`))
  await expect.poll(async () => number(await kpi(page, 'Aircraft').innerText())).toBeLessThan(aircraft)
  await expect.poll(() => bars(page, 'Airlines').count()).toBeLessThan(airlines)
  await expect.poll(() => sentence(page, 'Density')).not.toBe(cells)
  await page.reload()
  await expect(bars(page, 'Countries').first()).toHaveAttribute('aria-pressed', 'true')
  await expect(page.getByRole('button', { name: /^Remove the filter/ })).toHaveCount(1)
  await expect.poll(async () => number(await kpi(page, 'Aircraft').innerText())).toBeLessThan(aircraft)
  expect(watch.foreign).toEqual([])
  expect(watch.errors).toEqual([])
})

test('Stream follows the log, and what it shows of a message is in the message', async ({ page, watch }) => {
  await page.goto('/stream')
  for (const name of ['Appended', 'Landed', 'Lag']) await expect(kpi(page, name)).toHaveText(/\d/, { timeout: 40_000 })
  await expect(figure(page, 'Feeds')).toContainText(/demo.*next fetch in \d+ s|fetches now/)
  await expect(figure(page, 'Dead letters')).toContainText('Every message could be read.')
  const partition = figure(page, 'Partitions').locator('tbody tr')
  await expect(partition).toHaveCount(1)
  const { partitions } = await (await page.request.get('/api/v1/stream')).json()
  expect(partitions[0].end).toBeGreaterThan(1000)

  const first = figure(page, 'Messages').locator('tbody tr').first()
  const newest = await first.innerText()
  await expect.poll(() => first.innerText(), { timeout: 40_000 }).not.toBe(newest)
  const open = figure(page, 'Messages').getByRole('button', { name: /all of message/ })
  // The next answer would move them.
  await figure(page, 'Messages').getByRole('button', { name: 'Pause' }).click()
  await open.first().click()
  const where = await figure(page, 'Messages')
    .getByText(/^Partition \d, offset [\d,]+/)
    .innerText()
  const icao24 = await figure(page, 'Messages').locator('tbody tr[data-open] td[data-mono]').first().innerText()
  const tail = await page.request.get(`/api/v1/stream/tail?icao24=${icao24}`)
  const offsets = (await tail.json()).messages.map((message: { offset: number }) => message.offset)
  expect(offsets).toContain(number(where.slice(where.indexOf('offset'))))
  expect(watch.foreign).toEqual([])
  expect(watch.errors).toEqual([])
})

const sentence = (page: Page, name: string) => figure(page, name).getByRole('img').first().getAttribute('aria-label')

/** Waits until the day before is filled in and has landed: hours of it, not only the running one. */
async function filled(page: Page): Promise<Figures> {
  let figures: Figures | undefined
  await expect(async () => {
    const { backfill } = await (await page.request.get('/api/v1/status')).json()
    expect(backfill?.running).not.toBe(true)
    figures = await (await page.request.get('/api/v1/explore')).json()
    expect(figures?.series.length).toBeGreaterThan(20)
    expect(figures?.countries.length).toBeGreaterThan(20)
  }).toPass({ timeout: 300_000, intervals: [2000] })
  return figures as Figures
}
