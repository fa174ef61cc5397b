import type { Page, Request } from '@playwright/test'
import { bars, expect, expectAccessible, figure, kpi, test } from './support'

const FIGURES = ['Aircraft by hour', 'Density', 'Countries', 'Airlines', 'Altitude', 'When the sky is full']

async function openExplore(page: Page, search = '') {
  await page.goto(`/explore${search}`)
  await expect(bars(page, 'Countries').first()).toBeVisible({ timeout: 40_000 })
  await expect(page.locator('[aria-busy=false] h1')).toBeVisible()
}

/** The questions that the page asks from now on. */
function asked(page: Page): URL[] {
  const urls: URL[] = []
  page.on('request', (request: Request) => {
    const url = new URL(request.url())
    if (url.pathname.startsWith('/api/v1/explore')) urls.push(url)
  })
  return urls
}

const lastAsked = (urls: URL[], path: string, name: string) =>
  urls
    .filter(url => url.pathname === `/api/v1${path}`)
    .at(-1)
    ?.searchParams.get(name)

test('shows the day in figures, each also as a sentence', async ({ page, watch }) => {
  await openExplore(page)
  for (const name of FIGURES) {
    await expect(page.getByRole('heading', { name, exact: true })).toBeVisible()
    await expect(figure(page, name).getByRole('img').first()).toHaveAttribute('aria-label', /\.$/)
  }
  for (const name of [
    'Aircraft',
    'Observations',
    'Countries',
    'Airlines',
    'Median altitude',
    'Airborne now',
    'Data age',
  ])
    await expect(kpi(page, name)).toHaveText(/\d/)
  await expect(figure(page, 'Density').locator('canvas')).toBeVisible()
  await expect(page.getByText('Demo sky')).toBeVisible()
  // Everything fits without scrolling on an ordinary screen.
  await page.setViewportSize({ width: 1440, height: 900 })
  const content = page.locator('main > div')
  await expect.poll(() => content.evaluate(it => it.scrollHeight - it.clientHeight)).toBeLessThanOrEqual(0)
  expect(watch.foreign).toEqual([])
  expect(watch.errors).toEqual([])
})

test('a choice in one figure filters all others', async ({ page, watch }) => {
  await openExplore(page)
  const urls = asked(page)
  const [first, second] = await bars(page, 'Countries').locator('code').allInnerTexts()
  const count = await bars(page, 'Countries').count()
  await bars(page, 'Countries').first().click()
  await expect(page).toHaveURL(new RegExp(`country=${first}(&|$)`))
  await expect(bars(page, 'Countries').first()).toHaveAttribute('aria-pressed', 'true')
  await expect.poll(() => lastAsked(urls, '/explore', 'country')).toBe(first)
  await expect.poll(() => lastAsked(urls, '/explore/density', 'country')).toBe(first)
  // Its own dimension stays whole, so that another can be added.
  await expect(bars(page, 'Countries')).toHaveCount(count)
  await bars(page, 'Countries').nth(1).click()
  await expect(page).toHaveURL(new RegExp(`country=${first},${second}(&|$)`))
  await bars(page, 'Airlines').first().click()
  await expect(page).toHaveURL(/airline=[A-Z0-9]{3}/)
  const chips = page.getByRole('list', { name: 'Filters' })
  await expect(chips.getByRole('button', { name: /^Remove the filter/ })).toHaveCount(3)

  await chips
    .getByRole('button', { name: /^Remove the filter/ })
    .nth(1)
    .click()
  await expect(page).toHaveURL(new RegExp(`country=${first}(&|$)`))
  await page.goBack()
  await expect(page).toHaveURL(new RegExp(`country=${first},${second}`))
  await chips.getByRole('button', { name: 'Clear all' }).click()
  await expect(page).not.toHaveURL(/country|airline/)
  await expect(page.getByText('Click any bar')).toBeVisible()
  expect(watch.errors).toEqual([])
})

test('works by keyboard alone', async ({ page }) => {
  await openExplore(page)
  const bar = bars(page, 'Countries').nth(1)
  await bar.focus()
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/country=/)
  await expect(bar).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page).not.toHaveURL(/country=/)

  const band = figure(page, 'Altitude').getByRole('button', { name: /^10,000 – 11,000 m/ })
  await band.focus()
  await page.keyboard.press('Space')
  await expect(page).toHaveURL(/band=11/)
  await expect(band).toHaveAttribute('aria-pressed', 'true')
  await page.keyboard.press('Space')

  // The whole week is one stop of the tab key; arrows move inside.
  const week = figure(page, 'When the sky is full')
  await expect(week.locator('td button[tabindex="0"]')).toHaveCount(1)
  await week.locator('td button[tabindex="0"]').focus()
  await page.keyboard.press('ArrowRight')
  const slot = week.locator('td button:focus')
  await expect(slot).toHaveAttribute('aria-label', /^\w+day \d\d:00: [\d,]+ aircraft$/)
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/dow=\d/)
  await expect(page).toHaveURL(/hour=\d/)
  await expect(slot).toHaveAttribute('aria-pressed', 'true')
  await week.getByRole('button', { name: /^0?3:00 UTC/ }).focus()
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/hour=\d+,3|hour=3/)
  await page.getByRole('button', { name: 'Clear all' }).focus()
  await page.keyboard.press('Enter')
  await expect(page).not.toHaveURL(/dow|hour/)
})

test('one control of time: presets, any period, what is drawn over', async ({ page }) => {
  await openExplore(page)
  const urls = asked(page)
  const button = page.getByRole('button', { name: 'Period' })
  await expect(button).toContainText('Last 24 hours')
  await button.click()
  const dialog = page.getByRole('dialog', { name: 'Period' })
  await dialog.getByRole('button', { name: 'Last 6 hours' }).click()
  await expect(dialog).toBeHidden()
  await expect(page).toHaveURL(/range=6h/)
  await expect(button).toContainText('Last 6 hours')
  await expect.poll(() => spanHours(urls)).toContain(7)
  // The period before is there, so it is compared.
  await expect(kpi(page, 'Aircraft').locator('~ dd')).toHaveText(/[+−±].*distinct/)
  await expect(figure(page, 'Aircraft by hour')).toContainText('dashed: the 7 hours before')

  await button.click()
  const end = await dialog.getByLabel('To, day').inputValue()
  await dialog.getByLabel('From, day').fill(end)
  await dialog.getByLabel('From, hour').selectOption('23:00')
  await dialog.getByLabel('To, hour').selectOption('00:00')
  await dialog.getByRole('button', { name: 'Show this period' }).click()
  await expect(dialog.getByRole('alert')).toHaveText('The period must begin before it ends.')
  await page.keyboard.press('Escape')
  await expect(dialog).toBeHidden()

  const plot = figure(page, 'Aircraft by hour').locator('.u-over')
  const box = await plot.boundingBox()
  if (!box) throw new Error('no chart')
  await page.mouse.move(box.x + box.width * 0.3, box.y + 60)
  await expect(figure(page, 'Aircraft by hour').locator('header')).toContainText(/\w{3} \d+ \w{3} \d\d:00/)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.6, box.y + 60, { steps: 5 })
  await page.mouse.up()
  await expect(page).toHaveURL(/from=20\d\d-.*&to=20\d\d-/)
  await expect(page).not.toHaveURL(/range=/)
  await page.goBack()
  await expect(page).toHaveURL(/range=6h/)
})

const spanHours = (urls: URL[]) =>
  urls.map(
    ({ searchParams }) =>
      (Date.parse(searchParams.get('to') ?? '') - Date.parse(searchParams.get('from') ?? '')) / 3.6e6,
  )

test('every figure is a table and a file too', async ({ page }) => {
  await openExplore(page)
  for (const name of FIGURES) {
    const toggle = figure(page, name).getByRole('button', { name: `${name}: show as table` })
    await toggle.click()
    await expect(toggle).toHaveAttribute('aria-pressed', 'true')
    await expect(figure(page, name).getByRole('row').nth(1)).toContainText(/\d/)
  }
  await expect(page).toHaveURL(/table=series,map,countries,airlines,bands,hours/)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    figure(page, 'Countries').getByRole('button', { name: 'Countries: save as CSV' }).click(),
  ])
  expect(download.suggestedFilename()).toBe('contrail-countries.csv')
  const stream = await download.createReadStream()
  let text = ''
  for await (const part of stream) text += part
  expect(text).toMatch(/^code,country,aircraft,observations/)
  expect(text.trim().split('\r\n').length).toBeGreaterThan(5)
  await page.reload()
  await expect(figure(page, 'Altitude').getByRole('table')).toBeVisible()
  await figure(page, 'Altitude').getByRole('button', { name: 'Altitude: show as table' }).click()
  await expect(figure(page, 'Altitude').getByRole('table')).toHaveCount(0)
})

test('units and clocks are those of the settings', async ({ page }) => {
  await page.addInitScript(() => {
    localStorage.setItem(
      'contrail.units',
      '{"altitude":"aviation","speed":"metric","climb":"metric","distance":"metric"}',
    )
  })
  await openExplore(page)
  await expect(kpi(page, 'Median altitude')).toHaveText(/\d ?ft/)
  await expect(figure(page, 'Altitude').getByRole('button', { name: /ft/ }).first()).toBeVisible()
})

test('the map tells its cells and keeps its view in the address', async ({ page }) => {
  await openExplore(page, '?c=49,9&z=3')
  const map = figure(page, 'Density')
  await expect(map.getByText(/in [\d.]+° cells/)).toBeVisible()
  const box = await map.locator('canvas').boundingBox()
  if (!box) throw new Error('no map')
  await expect(async () => {
    for (const share of [0.5, 0.53, 0.56, 0.47]) {
      await page.mouse.move(box.x + box.width * share, box.y + box.height * 0.5)
      if (await map.getByText(/\d+ observations?/).isVisible()) return
    }
    throw new Error('no cell under the pointer')
  }).toPass()
  await map.getByRole('button', { name: 'Zoom in' }).click()
  await expect(page).toHaveURL(/z=4(&|$)/)
  await map.getByRole('button', { name: 'Show all of it' }).click()
  await expect(page).not.toHaveURL(/z=4(&|$)/)
})

test.describe('what goes wrong is said', () => {
  test('no data yet', async ({ page }) => {
    await page.route('**/api/v1/explore/range*', route => route.fulfill({ json: { first: null, last: null } }))
    await page.goto('/explore')
    await expect(page.getByRole('heading', { name: 'No data yet' })).toBeVisible()
    await page.getByRole('link', { name: 'Open the live map' }).click()
    await expect(page).toHaveURL(/\/live/)
  })

  test('a filter that matches nothing', async ({ page }) => {
    await page.route(/api\/v1\/explore\?.*airline=ZZZ/, async route => {
      const answer = await (await route.fetch()).json()
      Object.assign(answer.kpis, { aircraft: 0, observations: 0, countries: 0, airlines: 0, median_altitude_m: null })
      await route.fulfill({ json: { ...answer, series: [], countries: [], hours: [] } })
    })
    await page.goto('/explore?airline=ZZZ')
    await expect(page.getByText('Nothing matches')).toBeVisible()
    await expect(page.getByText('No country in what is chosen.')).toBeVisible()
    await page.getByRole('button', { name: 'Clear the filters' }).click()
    await expect(page).not.toHaveURL(/airline/)
    await expect(page.getByText('Nothing matches')).toHaveCount(0)
    await page.unrouteAll({ behavior: 'ignoreErrors' })
  })

  test('an answer that does not come, and comes', async ({ page }) => {
    let broken = true
    await page.route('**/api/v1/explore?**', route =>
      broken
        ? route.fulfill({
            status: 503,
            contentType: 'application/problem+json',
            body: JSON.stringify({ title: 'The lake cannot be read', status: 503, detail: 'It is being rebuilt' }),
          })
        : route.continue(),
    )
    await page.goto('/explore')
    await expect(page.getByRole('alert')).toContainText('The lake cannot be read. It is being rebuilt.')
    broken = false
    await page.getByRole('button', { name: 'Try again' }).click()
    await expect(bars(page, 'Countries').first()).toBeVisible()
  })

  test('only the map fails', async ({ page }) => {
    let broken = true
    await page.route('**/api/v1/explore/density?**', route => (broken ? route.abort() : route.continue()))
    await openExplore(page)
    await expect(figure(page, 'Density').getByRole('alert')).toContainText('The server does not answer')
    broken = false
    await figure(page, 'Density').getByRole('button', { name: 'Try again' }).click()
    await expect(figure(page, 'Density').locator('canvas')).toBeVisible()
  })
})

for (const colorScheme of ['dark', 'light'] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme })
    test('is accessible: figures, a filter, tables, the period', async ({ page }) => {
      await openExplore(page)
      await bars(page, 'Countries').nth(2).click()
      await expect(page.getByRole('list', { name: 'Filters' })).toBeVisible()
      await expect(page.locator('[aria-busy=false] h1')).toBeVisible()
      await page.waitForTimeout(300)
      await expectAccessible(page)
      await page.getByRole('button', { name: 'Period' }).click()
      await expectAccessible(page)
      await openExplore(page, '?table=series,map,bands,hours')
      await expectAccessible(page)
    })
  })
}

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })

  test('one column, nothing wider than the screen, targets large enough', async ({ page, watch }) => {
    await openExplore(page)
    await page.evaluate(() => document.fonts.ready.then(() => null))
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
    const lefts = new Set<number>()
    for (const name of FIGURES) lefts.add((await figure(page, name).boundingBox())?.x ?? -1)
    expect(lefts.size).toBe(1)
    for (const button of await page.getByRole('button').all()) {
      if (!(await button.isVisible())) continue
      const box = await button.boundingBox()
      // Slots of the week are as wide as 24 of them allow.
      if (await button.evaluate(element => element.closest('table') !== null)) continue
      expect(Math.max(box?.height ?? 0, box?.width ?? 0), await button.innerText()).toBeGreaterThanOrEqual(42)
    }
    await bars(page, 'Airlines').nth(1).tap()
    await expect(page).toHaveURL(/airline=/)
    await page.getByRole('button', { name: 'Period' }).tap()
    await page.getByRole('button', { name: 'Last 6 hours' }).tap()
    await expect(page).toHaveURL(/range=6h/)
    await expectAccessible(page)
    expect(watch.errors).toEqual([])
  })
})
