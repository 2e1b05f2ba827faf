// Newcomers in Debian's Chromium. The sample instructor opens the sample lecture and presses play; fails unless the picture
// moves for five seconds (switching renditions may make it wait once). The sample learner finds the sample course, enrols,
// watches, and goes on where they stopped; the instructor sees who is enrolled.
// MOOCFLIX_URL, MOOCFLIX_INSTRUCTOR=address:password, MOOCFLIX_LEARNER=address:password
import { chromium } from 'playwright-core'

const url = process.env.MOOCFLIX_URL
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] })

/** A page in a browser of their own, signed in. */
async function signIn(account) {
  const [email, password] = account.split(':')
  const page = await browser.newPage()
  page.setDefaultTimeout(60_000)
  await page.goto(url)
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  return page
}

/** Enrols in the sample course and watches; on coming back, the lecture goes on where it stopped. */
async function learn(page) {
  await page.getByRole('link', { name: 'A first look at MoocFlix' }).click()
  await page.getByRole('button', { name: 'Enrol' }).click()
  await page.getByRole('button', { name: 'Play', exact: true }).click()
  await page.waitForFunction(() => document.querySelector('video').currentTime > 12)
  await page.keyboard.press('k')
  await page.waitForFunction(() => document.querySelector('video').paused)
  // What was watched is reported when the picture stops.
  await page.waitForTimeout(1_000)
  await page.goto(url)
  await page.getByRole('link', { name: 'A first look at MoocFlix' }).click()
  await page.getByText(/Resumed at 0:1/).waitFor()
}

/** The instructor reads the learner's name among the members. */
async function lookAtMembers(page) {
  await page.goto(url)
  await page.getByRole('link', { name: /^Members.*A first look at MoocFlix/ }).click()
  await page.getByText('Sample Learner').first().waitFor()
}

try {
  const page = await signIn(process.env.MOOCFLIX_INSTRUCTOR)
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
  await learn(await signIn(process.env.MOOCFLIX_LEARNER))
  await lookAtMembers(page)
} finally {
  await browser.close()
}
