// A newcomer in Debian's Chromium: signs in with a sample account, opens the sample lecture, presses play.
// MOOCFLIX_URL, MOOCFLIX_INSTRUCTOR=address:password. Fails unless the picture moves for five seconds; switching
// renditions may make it wait once.
import { chromium } from 'playwright-core'

const url = process.env.MOOCFLIX_URL
const [email, password] = process.env.MOOCFLIX_INSTRUCTOR.split(':')
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] })
try {
  const page = await browser.newPage()
  page.setDefaultTimeout(60_000)
  await page.goto(url)
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('link', { name: 'Lectures', exact: true }).click()
  await page.getByRole('link', { name: 'Welcome to MoocFlix' }).click()
  const play = page.getByRole('button', { name: 'Play', exact: true })
  await play.waitFor()
  await page.evaluate(() => {
    const video = document.querySelector('video')
    window.stalls = 0
    // Waiting before the picture has moved is the start; hls.js may skip the first hundredths of a second there.
    video.addEventListener('waiting', () => (window.stalls += video.currentTime > 0.5 ? 1 : 0))
  })
  await play.click()
  await page.waitForFunction(() => document.querySelector('video').currentTime > 0)
  const look = () => page.evaluate(() => {
    const video = document.querySelector('video')
    const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality()
    return { at: video.currentTime, frames: totalVideoFrames - droppedVideoFrames, width: video.videoWidth, stalls: window.stalls }
  })
  const before = await look()
  await page.waitForTimeout(5_000)
  const after = await look()
  console.log(JSON.stringify({ before, after }))
  // While the smaller renditions are being encoded, the player may choose one of them.
  const shown = [426, 640, 960, 1280].includes(after.width)
  if (after.at - before.at < 4 || after.stalls > 1 || !shown || after.frames <= before.frames) process.exitCode = 1
} finally {
  await browser.close()
}
