import { expect, openLive, rows, test } from './support'

test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })

test('list and card are bottom sheets', async ({ page, watch }) => {
  await openLivePhone(page)
  await page.getByRole('button', { name: /aircraft in view: open the list/ }).tap()
  await expect(rows(page).first()).toBeVisible()
  const sheet = page.getByRole('region', { name: 'the list', exact: true })
  const peek = (await sheet.boundingBox())?.height ?? 0
  await page.getByRole('button', { name: 'Open the list' }).tap()
  await expect.poll(async () => (await sheet.boundingBox())?.height ?? 0).toBeGreaterThan(peek + 80)

  await rows(page).nth(1).tap()
  const card = page.getByRole('region', { name: 'the aircraft', exact: true })
  await expect(card.getByText('Altitude', { exact: true })).toBeVisible()
  const box = await card.boundingBox()
  if (!box) throw new Error('no card')
  expect(box.height).toBeLessThan(300)

  // Dragged up it shows the rest.
  await page.mouse.move(195, box.y + 12)
  await page.mouse.down()
  await page.mouse.move(195, box.y - 200, { steps: 4 })
  await page.mouse.move(195, box.y - 320, { steps: 4 })
  await page.mouse.up()
  await expect(page.getByRole('button', { name: 'Make the aircraft smaller' })).toBeVisible()
  await expect(card.getByText(/Seen in|Not in the lake/)).toBeInViewport()
  await page.getByRole('button', { name: 'Close' }).tap()
  await expect(card).toHaveCount(0)
  expect(watch.errors).toEqual([])
})

test('nothing is wider than the phone, and targets are large enough', async ({ page }) => {
  await openLivePhone(page)
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
  for (const button of await page.getByRole('button').all()) {
    if (!(await button.isVisible())) continue
    const box = await button.boundingBox()
    expect(Math.max(box?.height ?? 0, box?.width ?? 0), await button.innerText()).toBeGreaterThanOrEqual(42)
  }
})

async function openLivePhone(page: Parameters<typeof openLive>[0]) {
  await page.goto('/live')
  await expect(page.getByRole('button', { name: /^[1-9][\d,]*\s*aircraft in view/ })).toBeVisible({ timeout: 40_000 })
}
