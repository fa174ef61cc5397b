import { byId, expect, inView, openLive, rows, setMode, standing, state, test } from './support'

test('shows the sky and asks nobody else for anything', async ({ page, watch }) => {
  await page.goto('/')
  await expect(page).toHaveURL(/\/live/)
  await expect(rows(page).first()).toBeVisible({ timeout: 40_000 })
  await expect(rows(page).first()).toContainText(/\d|Ground/)
  await expect(state(page, 'Streaming')).toBeVisible()
  await expect(page.getByText(/Snapshot/)).toBeVisible()
  await expect(page.getByText(/landed/)).toBeVisible()
  await expect(page.getByRole('img', { name: /in the last 24 hours/ })).toBeVisible()
  await page.waitForTimeout(6000)
  expect(watch.foreign).toEqual([])
  expect(watch.errors).toEqual([])
})

test('works by keyboard alone', async ({ page, watch }) => {
  await openLive(page)
  await page.keyboard.press('/')
  const search = page.getByLabel('Search aircraft')
  await expect(search).toBeFocused()
  const [row, name] = await byId(page, rows(page).nth(1))
  await page.keyboard.type(name)
  await expect(page).toHaveURL(new RegExp(`q=${name}`))
  // An emergency stays pinned on top of whatever the search leaves.
  await expect(row).toBeVisible()
  while (!(await row.getAttribute('data-cursor'))) await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { name, level: 1 })).toBeVisible()
  await expect(page).toHaveURL(/sel=[0-9a-f]{6}/)

  await page.keyboard.press('Escape')
  await expect(search).not.toBeFocused()
  await page.keyboard.press('f')
  await expect(page.getByRole('button', { name: 'Following' })).toHaveAttribute('aria-pressed', 'true')
  await page.keyboard.press('Escape')
  await expect(page.getByRole('article')).toHaveCount(0)
  await expect(page).not.toHaveURL(/sel=/)
  await page.keyboard.press('Escape')
  await expect(page).not.toHaveURL(/q=/)

  await page.keyboard.press('Escape')
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await expect(page.locator('[role=option][data-cursor]')).toHaveCount(1)
  await page.keyboard.press('k')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('article')).toBeVisible()
  await page.keyboard.press('g')
  await expect(page).toHaveURL(/globe=1/)
  await page.keyboard.press('?')
  await expect(page.getByRole('dialog', { name: 'Keys on the Live page' })).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('article')).toBeVisible()
  expect(watch.errors).toEqual([])
})

test('keeps everything in the address', async ({ page }) => {
  await openLive(page, '?c=50,9&z=4&globe=1&hide=night,labels&cat=airliner&alt=3000,13000&sort=altitude')
  await expect(page.getByRole('button', { name: 'Globe' })).toHaveAttribute('aria-pressed', 'true')
  await expect(page.getByRole('button', { name: 'Light' })).toHaveAttribute('aria-pressed', 'false')
  await expect(page.getByRole('slider', { name: 'Lowest altitude' })).toHaveAttribute('aria-valuenow', '3000')
  await expect(page.getByLabel('Sort by')).toHaveValue('altitude')
  await page.getByRole('button', { name: 'Layers' }).click()
  await expect(page.getByLabel('Night')).not.toBeChecked()
  await expect(page.getByLabel('Trails')).toBeChecked()
  await page.getByLabel('Night').check()
  await expect(page).toHaveURL(/hide=labels(&|$)/)
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Zoom in' }).click()
  await expect(page).toHaveURL(/z=5(&|$)/)
})

test('filters by altitude and kind', async ({ page }) => {
  await openLive(page)
  const all = await inView(page)
  await page.getByRole('slider', { name: 'Lowest altitude' }).focus()
  for (let i = 0; i < 9; i++) await page.keyboard.press('PageUp')
  await expect(page).toHaveURL(/alt=9000,13000/)
  await expect.poll(() => inView(page)).toBeLessThan(all)
  await page.keyboard.press('Home')
  await expect(page).not.toHaveURL(/alt=/)
  await page.getByRole('button', { name: 'Airliners' }).click()
  await expect.poll(() => inView(page)).toBeLessThan(all)
})

test('an aircraft can be picked on the map', async ({ page }) => {
  // The map goes where it is told at once.
  await page.emulateMedia({ reducedMotion: 'reduce' })
  await openLive(page, '?c=50,8.5&z=6')
  const [row, name] = await byId(page, rows(page).filter({ hasNotText: 'emergency' }).first())
  const icao24 = (await row.getAttribute('id'))?.replace('row-', '') ?? ''
  // Others may fly right beside it; only what the filter leaves can be picked.
  await page.getByLabel('Search aircraft').fill(icao24)
  await expect(page).toHaveURL(/q=/)
  await row.click()
  const flag = page.locator('[data-side] span')
  await expect(flag).toHaveText(name)
  const ring = await standing(page.locator('[data-side] i'))
  await page.getByRole('button', { name: 'Close' }).click()
  await expect(page.getByRole('article')).toHaveCount(0)
  await page.mouse.click(ring.x + ring.width / 2, ring.y + ring.height / 2)
  await expect(page.getByRole('heading', { name, level: 1 })).toBeVisible()
})

test('the card shows what the lake remembers', async ({ page }) => {
  await openLive(page)
  await rows(page).nth(1).click()
  const card = page.getByRole('article')
  await expect(card.getByText(/^(Measured|Estimated|Old position)/)).toBeVisible()
  await expect(card.getByText(/Seen in \d+ hours?|Not in the lake yet/)).toBeVisible()
  await expect(card.getByText(/Altitude since|Nothing of its way/)).toBeVisible()
})

test('an aircraft that nobody has seen is said to be so', async ({ page }) => {
  await openLive(page, '?sel=fffffe')
  await expect(page.getByText('Not in the sky now')).toBeVisible()
  await expect(page.getByText(/Not in the lake yet/)).toBeVisible()
  await expect(page.getByRole('button', { name: 'Follow' })).toHaveCount(0)
})

test('units and clocks are a choice that stays', async ({ page }) => {
  await openLive(page)
  await page.getByRole('button', { name: 'Settings' }).click()
  const settings = page.getByRole('dialog', { name: 'Settings' })
  await settings.getByText('Aviation').click()
  await settings.getByRole('radiogroup', { name: 'Speed' }).getByText('mph').click()
  await settings.getByText('Light', { exact: true }).click()
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'light')
  await page.reload()
  await expect(rows(page).first()).toBeVisible({ timeout: 40_000 })
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'light')
  await expect(rows(page).filter({ hasText: /\dft/ }).first()).toBeVisible()
  await expect(
    rows(page)
      .filter({ hasText: /\d mph/ })
      .first(),
  ).toBeVisible()
})

test('a filter that leaves nothing says so and can be cleared', async ({ page }) => {
  await openLive(page)
  await page.getByLabel('Search aircraft').fill('nobody flies this')
  await expect(page.getByText('No aircraft matches', { exact: true })).toBeVisible()
  await page.getByRole('button', { name: 'Clear the filter' }).first().click()
  await expect.poll(() => inView(page)).toBeGreaterThan(10)
})

test('the map comes back after the graphics context was lost', async ({ page, watch }) => {
  await openLive(page)
  const lose = await page.evaluateHandle(() => {
    const canvas = document.querySelector('canvas.maplibregl-canvas') as HTMLCanvasElement
    return canvas.getContext('webgl2')?.getExtension('WEBGL_lose_context')
  })
  await lose.evaluate(extension => extension?.loseContext())
  await expect(page.getByText('No map', { exact: true })).toBeVisible()
  // Whatever is changed meanwhile is there when the map is.
  await page.keyboard.press('g')
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('article')).toBeVisible()
  await page.waitForTimeout(6000)
  await lose.evaluate(extension => extension?.restoreContext())
  await expect(page.getByText('No map', { exact: true })).toHaveCount(0)
  await page.waitForTimeout(2000)
  expect(watch.errors).toEqual([])
})

test('without WebGL the list holds the whole sky', async ({ page }) => {
  await page.addInitScript(() => {
    HTMLCanvasElement.prototype.getContext = () => null
  })
  await openLive(page)
  await expect(page.getByText('No map', { exact: true })).toBeVisible()
  expect(await inView(page)).toBeGreaterThan(1000)
  await rows(page).nth(1).click()
  await expect(page.getByRole('article')).toBeVisible()
})

test.describe('what goes wrong is said', () => {
  test.afterEach(async ({ request }) => {
    await request.post('/mock', { data: { mode: 'ok' }, failOnStatusCode: false })
  })

  test('no snapshot yet', async ({ page, request }) => {
    await setMode(request, 'empty')
    await page.goto('/live')
    await expect(page.getByText('No aircraft yet')).toBeVisible()
    await setMode(request, 'ok')
    await expect(rows(page).first()).toBeVisible()
  })

  test('a fetch that fails: why, and when it is tried again', async ({ page, request }) => {
    await openLive(page)
    await setMode(request, 'failed')
    await expect(state(page, 'Fetch failed')).toBeVisible({ timeout: 40_000 })
    await expect(page.getByTitle('OpenSky answered 503 with an HTML page')).toBeVisible()
    await expect(page.getByText(/tries again in \d min/)).toBeVisible()
    await expect(page.getByRole('status').filter({ hasText: 'Fetch failed' })).toHaveCount(1)
    await setMode(request, 'ok')
    await expect(state(page, 'Streaming')).toBeVisible()
  })

  test('a server that is gone, and back', async ({ page, request }) => {
    await openLive(page)
    await setMode(request, 'down')
    await expect(state(page, 'No contact')).toBeVisible()
    await expect(page.getByText(/tries again in|tries now/)).toBeVisible()
    await expect(rows(page).first()).toBeVisible()
    await setMode(request, 'ok')
    // It comes back by itself; the button would only be quicker. The longest pause between two tries is 15 s.
    await expect(state(page, 'Streaming')).toBeVisible({ timeout: 60_000 })
  })
})
