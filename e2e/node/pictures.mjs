// Photographs the sample course for the README: pictures.mjs FOLDER. MOOCFLIX_URL, MOOCFLIX_LEARNER=address:password.
import { chromium } from 'playwright-core'

const folder = process.argv[2]
const url = process.env.MOOCFLIX_URL
const [email, password] = process.env.MOOCFLIX_LEARNER.split(':')
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] })
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 760 }, colorScheme: 'light' })
  await page.goto(url)
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('link', { name: 'A first look at MoocFlix' }).first().click()
  await page.getByRole('button', { name: 'Enrol', exact: false }).first().click()
  const video = page.locator('video')
  await video.waitFor()
  await page.evaluate(async () => {
    const video = document.querySelector('video')
    video.muted = true
    await video.play()
    video.currentTime = 24
    await new Promise((resolve) => video.addEventListener('seeked', resolve, { once: true }))
    video.pause()
  })
  // What was announced is gone by then.
  await page.waitForTimeout(8_000)
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme })
    await page.waitForTimeout(300)
    await page.screenshot({ path: `${folder}/course-${colorScheme}.png` })
  }
} finally {
  await browser.close()
}
