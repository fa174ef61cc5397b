import type { Page } from '@playwright/test'
import { expect, expectAccessible, figure, kpi, setMode, setScene, test } from './support'

const PANELS = ['Partitions', 'Messages', 'Feeds', 'Topic settings', 'Schema', 'Dead letters']

async function openStream(page: Page, search = '') {
  await page.goto(`/stream${search}`)
  await expect(kpi(page, 'Appended')).toHaveText(/\d/, { timeout: 40_000 })
}

/** Rows of a panel's table, without its head. */
const rowsOf = (page: Page, name: string) => figure(page, name).locator('tbody tr')
const firstMessage = (page: Page) => rowsOf(page, 'Messages').first().innerText()
/** The state beside the title. */
const headline = (page: Page) => page.locator('main header').getByRole('status').first()

test.beforeEach(({ request }) => setScene(request, 'kafka'))
test.afterAll(async ({ playwright, baseURL }) => {
  const request = await playwright.request.newContext({ baseURL })
  await request.post('/mock', { data: { stream: 'kafka', mode: 'ok' } })
  await request.dispose()
})

test('shows what moves, what is behind, and what it is made of', async ({ page, watch }) => {
  await page.goto('/live')
  await page.getByRole('link', { name: 'Stream' }).click()
  await expect(page).toHaveURL(/\/stream/)
  await expect(headline(page)).toHaveText('Moving')
  await expect(page.getByText('Demo sky')).toBeVisible()
  for (const name of ['Appended', 'Landed', 'Lag', 'Spool', 'Dead letters'])
    await expect(kpi(page, name)).toHaveText(/\d/)
  await expect(page.getByRole('img', { name: /^Lag, last .*: at most [\d,]+ messages?\.$/ })).toBeVisible()
  for (const name of PANELS) await expect(page.getByRole('heading', { name, exact: true })).toBeVisible()
  await expect(rowsOf(page, 'Partitions')).toHaveCount(6)
  await expect(figure(page, 'Partitions')).toContainText('landed by 2 processes')
  await expect(figure(page, 'Feeds')).toContainText(/demo.*next fetch in \d+ s|fetches now/)
  await expect(figure(page, 'Feeds')).toContainText(/[\d,]+ of 4,000 credits a day/)
  await expect(figure(page, 'Topic settings')).toContainText('retention.ms')
  await expect(rowsOf(page, 'Topic settings').first()).toContainText(/1 day\s*7 days/)
  await expect(figure(page, 'Schema')).toContainText('Not in the table mlat_quality')
  await expect(rowsOf(page, 'Messages').first()).toContainText(/\d\d:\d\d:\d\d/)
  // Lag goes up with each fetch and down with landing, so the figure changes by itself.
  const before = await kpi(page, 'Lag').innerText()
  await expect.poll(() => kpi(page, 'Lag').innerText()).not.toBe(before)
  expect(watch.foreign).toEqual([])
  expect(watch.errors).toEqual([])
})

test('the tail follows the end, pauses, and goes on', async ({ page, watch }) => {
  await openStream(page)
  await expect(rowsOf(page, 'Messages').first()).toBeVisible()
  const first = await firstMessage(page)
  await expect.poll(() => firstMessage(page)).not.toBe(first)

  await page.getByRole('button', { name: 'Pause' }).click()
  await expect(page).toHaveURL(/paused=1/)
  const asked: string[] = []
  page.on('request', request => request.url().includes('/stream/tail') && asked.push(request.url()))
  const paused = await firstMessage(page)
  await page.waitForTimeout(6500)
  expect(await firstMessage(page)).toBe(paused)
  expect(asked).toEqual([])

  // One message opened: all of its state, where it is, and the way to the map.
  await figure(page, 'Messages')
    .getByRole('button', { name: /all of message/ })
    .nth(1)
    .click()
  await expect(figure(page, 'Messages').getByText(/^Partition \d, offset [\d,]+/)).toBeVisible()
  await expect(figure(page, 'Messages').getByRole('link', { name: 'Show on the map' })).toHaveAttribute(
    'href',
    /\/live\?sel=[0-9a-f]{6}/,
  )
  await figure(page, 'Messages').getByRole('button', { name: 'Follow' }).click()
  await expect(page).not.toHaveURL(/paused/)
  await expect.poll(() => firstMessage(page)).not.toBe(paused)
  // Reading one is a reason to stand still.
  await figure(page, 'Messages')
    .getByRole('button', { name: /all of message/ })
    .nth(2)
    .press('Enter')
  await expect(page).toHaveURL(/paused=1/)
  expect(watch.errors).toEqual([])
})

test('one aircraft alone, from the address and into it', async ({ page }) => {
  await openStream(page, '?paused=1')
  const address = figure(page, 'Messages')
    .getByRole('button', { name: /^[0-9a-f]{6}$/ })
    .first()
  const icao24 = await address.innerText()
  await address.click()
  await expect(page).toHaveURL(new RegExp(`icao24=${icao24}`))
  const addresses = () => figure(page, 'Messages').locator('tbody td[data-mono]').allInnerTexts()
  await expect.poll(async () => new Set(await addresses())).toEqual(new Set([icao24]))
  expect((await addresses()).length).toBeGreaterThan(3)

  const input = figure(page, 'Messages').getByLabel('icao24')
  await expect(input).toHaveValue(icao24)
  await page.reload()
  await expect.poll(async () => new Set(await addresses())).toEqual(new Set([icao24]))
  // What is half typed asks nothing.
  await input.fill('3c6')
  await expect(page).toHaveURL(new RegExp(`icao24=${icao24}`))
  await input.fill('ffffff')
  await expect(page).toHaveURL(/icao24=ffffff/)
  await expect(figure(page, 'Messages')).toContainText(/No message of ffffff among the [\d,]+ messages looked at/)
  await figure(page, 'Messages').getByRole('button', { name: 'Messages of every aircraft' }).click()
  await expect(page).not.toHaveURL(/icao24/)
  await expect.poll(async () => new Set(await addresses()).size).toBeGreaterThan(3)
})

test('reads on from a time', async ({ page }) => {
  await openStream(page)
  await page.getByRole('button', { name: 'From a time' }).click()
  await expect(page).toHaveURL(/from=20\d\d-\d\d-\d\dT\d\d:\d\dZ/)
  await expect(figure(page, 'Messages')).toContainText('oldest first')
  await expect(rowsOf(page, 'Messages')).toHaveCount(50)
  const first = await firstMessage(page)
  await figure(page, 'Messages').getByRole('button', { name: 'Read on' }).click()
  await expect(rowsOf(page, 'Messages')).toHaveCount(100)
  expect(await firstMessage(page)).toBe(first)
  const input = figure(page, 'Messages').getByLabel(/^from/)
  await input.fill(new Date(Date.now() - 3_600_000).toISOString().slice(0, 16))
  await expect.poll(() => firstMessage(page)).not.toBe(first)
  await page.getByRole('button', { name: 'Follow the end' }).click()
  await expect(page).not.toHaveURL(/from=/)
  await expect(figure(page, 'Messages')).toContainText('newest first')
})

test('altitudes are in the units of the settings', async ({ page }) => {
  await page.addInitScript(() => {
    localStorage.setItem(
      'contrail.units',
      '{"altitude":"aviation","speed":"metric","climb":"metric","distance":"metric"}',
    )
  })
  await openStream(page)
  await expect(figure(page, 'Messages').locator('tbody')).toContainText(/[\d,]+ ?ft/)
})

test('a version of the schema shows its fields', async ({ page }) => {
  await openStream(page)
  const version = figure(page, 'Schema').getByRole('button', { name: /^Version 3/ })
  await version.click()
  await expect(page).toHaveURL(/schema=3/)
  await expect(version).toHaveAttribute('aria-expanded', 'true')
  const fields = figure(page, 'Schema').getByRole('row')
  await expect(fields).toHaveCount(30)
  await expect(fields.filter({ hasText: 'Barometric altitude in metres' })).toContainText('double?')
  await expect(fields.filter({ hasText: 'mlat_quality' })).toContainText('float?')
  await page.reload()
  await expect(fields).toHaveCount(30)
  await version.click()
  await expect(page).not.toHaveURL(/schema/)
  await expect(fields).toHaveCount(0)
})

test.describe('dead letters', () => {
  const letters = (page: Page) => rowsOf(page, 'Dead letters')

  test('are listed by reason, and open', async ({ page }) => {
    await openStream(page)
    await page.getByRole('link', { name: 'Show' }).click()
    await expect(page.getByRole('heading', { name: 'Dead letters' })).toBeInViewport()
    await expect(letters(page)).toHaveCount(23)
    await figure(page, 'Dead letters')
      .getByRole('button', { name: /^schema 77/ })
      .click()
    await expect(page).toHaveURL(/reason=schema/)
    await expect(letters(page)).toHaveCount(6)
    await figure(page, 'Dead letters')
      .getByRole('button', { name: /payload of/ })
      .first()
      .click()
    await expect(page).toHaveURL(/letter=\d:\d+/)
    await expect(figure(page, 'Dead letters').locator('pre')).toContainText('0000  00 00 00 00 4d')
    await page.reload()
    await expect(figure(page, 'Dead letters').locator('pre')).toContainText('00 00 00 00 4d')
    await figure(page, 'Dead letters')
      .getByRole('button', { name: /^schema 77/ })
      .click()
    await page.getByLabel('Also those that have been replayed').check()
    await expect(page).toHaveURL(/replayed=1/)
    await expect(letters(page)).toHaveCount(27)
  })

  test('are replayed, and what came of it is said', async ({ page }) => {
    await openStream(page)
    const sent: unknown[] = []
    page.on('request', request => request.method() === 'POST' && sent.push(request.postDataJSON()))
    await figure(page, 'Dead letters').getByRole('button', { name: 'Replay 23' }).click()
    await expect(figure(page, 'Dead letters').getByRole('status')).toHaveText(
      '6 rows landed. 17 letters still cannot be read (no icao24).',
    )
    await expect(letters(page)).toHaveCount(17)
    await expect(figure(page, 'Dead letters')).toContainText('10 of them replayed')
    // What has come since the list was read is left alone.
    expect(sent).toMatchObject([{ replayed: false, before: expect.stringMatching(/^20\d\d-.*Z$/) }])
  })

  test('are deleted only after a question', async ({ page }) => {
    await openStream(page, '?reason=no%20icao24')
    const sent: unknown[] = []
    page.on('request', request => request.method() === 'POST' && sent.push(request.postDataJSON()))
    const purge = figure(page, 'Dead letters').getByRole('button', { name: /^Purge 12/ })
    await purge.click()
    const dialog = page.getByRole('dialog', { name: 'Delete 12 dead letters?' })
    await expect(dialog).toContainText('“no icao24”')
    await expect(dialog.getByRole('button', { name: 'Keep them' })).toBeFocused()
    await expectAccessible(page)
    await page.keyboard.press('Enter')
    await expect(dialog).toBeHidden()
    await purge.click()
    await page.keyboard.press('Escape')
    await expect(dialog).toBeHidden()
    expect(sent).toEqual([])
    await expect(letters(page)).toHaveCount(12)

    await purge.click()
    await dialog.getByRole('button', { name: 'Delete 12 letters' }).click()
    await expect(figure(page, 'Dead letters').getByRole('status')).toHaveText('12 letters deleted.')
    await expect(figure(page, 'Dead letters')).toContainText('No letter has “no icao24” in its reason.')
    await expect(kpi(page, 'Dead letters')).toHaveText('15')
    expect(sent).toMatchObject([{ reason: 'no icao24', replayed: false }])
  })

  test('that cannot be replayed say why', async ({ page }) => {
    await page.route('**/dead-letters/replay', route =>
      route.fulfill({
        status: 503,
        contentType: 'application/problem+json',
        body: JSON.stringify({ title: 'The registry does not answer', status: 503, detail: 'Try again later' }),
      }),
    )
    await openStream(page)
    await figure(page, 'Dead letters').getByRole('button', { name: 'Replay 23' }).click()
    await expect(figure(page, 'Dead letters').getByRole('alert')).toHaveText(
      'The registry does not answer. Try again later.',
    )
  })
})

test.describe('what goes wrong is said', () => {
  test('Kafka away: the spool fills, figures stay and are grey', async ({ page, request }) => {
    await openStream(page)
    await expect(rowsOf(page, 'Messages').first()).toBeVisible()
    const live = await kpi(page, 'Appended').evaluate(element => getComputedStyle(element).color)
    await setScene(request, 'away')
    await expect(headline(page)).toHaveText('Kafka is away')
    const away = page.getByRole('region', { name: 'Kafka is away' })
    await expect(away.getByRole('alert')).toContainText('no broker answers')
    await expect(away).toContainText(/Since\s*\d\d:\d\d:\d\d UTC/)
    await expect(away).toContainText(/Waiting in the spool\s*[\d,]+ messages/)
    await expect(away).toContainText(/Spool filled\s*1\d %.*of 1\.1 GB/)
    await expect(away).toContainText(/Missed fetches\s*3/)
    await expect(page.getByText(/^figures of/)).toBeVisible()
    await expect(kpi(page, 'Appended')).toHaveText(/\d/)
    expect(await kpi(page, 'Appended').evaluate(element => getComputedStyle(element).color)).not.toBe(live)
    await expect(rowsOf(page, 'Partitions')).toHaveCount(6)
    // What was read stays in sight below the reason.
    await expect(figure(page, 'Messages').getByRole('alert')).toContainText('Kafka cannot be read', { timeout: 40_000 })
    await expect(rowsOf(page, 'Messages').first()).toBeVisible()
    await expectAccessible(page)
    await setScene(request, 'kafka')
    await expect(headline(page)).toHaveText('Moving')
    await expect(away).toHaveCount(0)
    await expect(figure(page, 'Messages').getByRole('alert')).toHaveCount(0)
  })

  test('the server stops and comes back', async ({ page, request }) => {
    await openStream(page)
    await setMode(request, 'down')
    await expect(headline(page)).toHaveText('Not up to date')
    await expect(page.getByRole('alert').filter({ hasText: 'These are the figures before' })).toBeVisible()
    await expect(kpi(page, 'Appended')).toHaveText(/\d/)
    await setMode(request, 'ok')
    await expect(headline(page)).toHaveText('Moving')
  })

  test('no answer at all', async ({ page, request }) => {
    await setMode(request, 'down')
    await page.goto('/stream')
    await expect(page.getByRole('heading', { name: 'The stream could not be read' })).toBeVisible()
    await setMode(request, 'ok')
    await expect(kpi(page, 'Appended')).toHaveText(/\d/)
  })

  test('nothing yet', async ({ page, request, watch }) => {
    await setScene(request, 'empty')
    await openStream(page)
    await expect(headline(page)).toHaveText('Nothing written yet')
    await expect(page.getByText('The first messages appear here')).toBeVisible()
    await expect(figure(page, 'Partitions')).toContainText('nothing has landed yet')
    await expect(figure(page, 'Messages')).toContainText('No message yet.')
    await expect(figure(page, 'Dead letters')).toContainText('Every message could be read.')
    await expectAccessible(page)
    expect(watch.errors).toEqual([])
  })

  test('a node without a stream', async ({ page }) => {
    await page.route('**/api/v1/stream', async route => {
      const answer = await (await route.fetch()).json()
      await route.fulfill({ json: { ...answer, kind: '', partitions: [] } })
    })
    await page.goto('/stream')
    await expect(page.getByRole('heading', { name: 'No stream runs here' })).toBeVisible()
    await page.unrouteAll({ behavior: 'ignoreErrors' })
  })
})

test('the embedded log has one partition, and a place on disk', async ({ page, request }) => {
  await setScene(request, 'embedded')
  await openStream(page)
  await expect(page.locator('main header').first()).toContainText('embedded log of this node')
  await expect(rowsOf(page, 'Partitions')).toHaveCount(1)
  await expect(kpi(page, 'On disk')).toHaveText(/412 ?MB/)
  await expect(figure(page, 'Topic settings')).toHaveCount(0)
})

for (const colorScheme of ['dark', 'light'] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme })
    test('is accessible, with everything open', async ({ page }) => {
      await openStream(page, '?paused=1&schema=3&letter=0:4100000&replayed=1')
      await figure(page, 'Messages')
        .getByRole('button', { name: /all of message/ })
        .first()
        .click()
      await expect(figure(page, 'Schema').getByRole('row').first()).toBeVisible()
      await expect(figure(page, 'Dead letters').locator('pre')).toBeVisible()
      await expectAccessible(page)
    })
  })
}

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })

  test('one column, nothing wider than the screen, targets large enough', async ({ page, request, watch }) => {
    await openStream(page, '?paused=1')
    await expect(rowsOf(page, 'Messages').first()).toBeVisible()
    await expect(rowsOf(page, 'Dead letters').first()).toBeVisible()
    await page.evaluate(() => document.fonts.ready.then(() => null))
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
    const lefts = new Set<number>()
    for (const name of PANELS) {
      lefts.add((await figure(page, name).boundingBox())?.x ?? -1)
      // Tables fit too: no panel scrolls sideways.
      const wider = await figure(page, name).evaluate(panel =>
        [panel, ...panel.querySelectorAll('[role=region]')].some(element => element.scrollWidth > element.clientWidth),
      )
      expect(wider, name).toBe(false)
    }
    expect(lefts.size).toBe(1)
    for (const button of await page.locator('main').getByRole('button').all()) {
      if (!(await button.isVisible())) continue
      const box = await button.boundingBox()
      expect(Math.max(box?.height ?? 0, box?.width ?? 0), await button.innerText()).toBeGreaterThanOrEqual(42)
    }
    await figure(page, 'Messages')
      .getByRole('button', { name: /all of message/ })
      .first()
      .tap()
    await expect(figure(page, 'Messages').getByText(/^Partition \d/)).toBeVisible()
    await expectAccessible(page)
    await setScene(request, 'away')
    await expect(page.getByRole('region', { name: 'Kafka is away' })).toBeVisible()
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
    expect(watch.errors).toEqual([])
  })
})
