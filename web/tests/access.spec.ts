import { expect, expectAccessible, openLive, rows, test } from './support'

for (const colorScheme of ['dark', 'light'] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme })

    test('the Live page with a card', async ({ page }) => {
      await openLive(page)
      await rows(page).nth(1).click()
      await expect(page.getByText(/Seen in|Not in the lake/)).toBeVisible()
      await expectAccessible(page)
    })

    test('settings and help', async ({ page }) => {
      await openLive(page)
      await page.getByRole('button', { name: 'Settings' }).click()
      await expectAccessible(page)
      await page.keyboard.press('Escape')
      await page.keyboard.press('?')
      await expectAccessible(page)
    })
  })
}

test('on a phone', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 })
  await page.goto('/live')
  await page.getByRole('button', { name: /open the list/ }).click()
  await expect(rows(page).first()).toBeVisible()
  await expectAccessible(page)
})

test('less motion when the system asks for it', async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' })
  await openLive(page)
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.keyboard.press('f')
  await expect(page.getByRole('button', { name: 'Following' })).toBeVisible()
})
