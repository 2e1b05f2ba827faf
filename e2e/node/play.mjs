// Plays HLS in Debian's Chromium with the page's hls.js and reports what it saw and heard:
//   play.mjs [AT_ONCE=1] < [{url, file?, rate?, level?, from?, until?}, ...]
// `file` plays from the disk without hls.js, to compare with what this browser and this script make of a plain file.
// `rate` is the speed, `level` keeps the player at one variant, `from` and `until` play only a part (`until` null: to the
// end). Prints a list of {url, ended, at, duration, stalls, waited, holes, width, height, frames, errors, flashes, beeps}.
// A flash or a beep is a pair of its media time (seconds) and the moment when it was seen or heard (milliseconds).
import { readFileSync } from 'node:fs'
import { chromium } from 'playwright-core'

const player = new URL('../../web/page/node_modules/hls.js/dist/hls.min.js', import.meta.url).pathname
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--autoplay-policy=no-user-gesture-required']

/** Runs in the page. */
async function play({ url, file, rate, level, from, until, patience }) {
  const video = document.querySelector('video')
  const seen = { url, ended: false, stalls: 0, waited: 0, errors: [], flashes: [], beeps: [] }

  const sound = new AudioContext()
  const code = `registerProcessor('ear', class extends AudioWorkletProcessor {
    loud = false
    process([[heard]]) {
      const loud = heard !== undefined && heard.some((it) => Math.abs(it) > 0.2)
      if (loud) { if (!this.loud || currentTime - this.last > 0.3) this.port.postMessage(currentTime); this.last = currentTime }
      this.loud = loud
      return true
    }
  })`
  await sound.audioWorklet.addModule(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })))
  const ear = new AudioWorkletNode(sound, 'ear')
  sound.createMediaElementSource(video).connect(ear)
  ear.connect(sound.destination)
  await sound.resume()
  ear.port.onmessage = ({ data }) => {
    const now = sound.getOutputTimestamp()
    const moment = now.performanceTime + (data - now.contextTime) * 1000
    seen.beeps.push([video.currentTime - ((performance.now() - moment) / 1000) * video.playbackRate, moment])
  }

  const glass = new OffscreenCanvas(8, 8).getContext('2d', { willReadFrequently: true })
  let white = false
  const look = (_now, frame) => {
    glass.drawImage(video, 0, 0, 8, 8)
    const { data } = glass.getImageData(0, 0, 8, 8)
    const bright = data.reduce((sum, it) => sum + it, 0) / data.length > 225
    if (bright && !white) seen.flashes.push([frame.mediaTime, frame.expectedDisplayTime])
    white = bright
    video.requestVideoFrameCallback(look)
  }
  video.requestVideoFrameCallback(look)

  const hls = new Hls({ enableWorker: false, startPosition: from ?? -1, maxBufferLength: 30, ...(level === undefined ? {} : { startLevel: level }) })
  hls.on(Hls.Events.ERROR, (_name, { details, fatal, reason }) => {
    seen.errors.push(`${details}${fatal ? ', fatal' : ''} ${reason ?? ''}`)
    if (fatal) finish?.()
  })
  if (level !== undefined) hls.on(Hls.Events.MANIFEST_PARSED, () => (hls.currentLevel = level))
  let waiting = null
  let moved = false
  const resumed = () => {
    const lasted = waiting === null ? 0 : (performance.now() - waiting) / 1000
    waiting = null
    // Chromium reports a wait, and its end within a millisecond, where one track's buffer ends before the other's.
    if (lasted < 0.1) return
    seen.stalls += 1
    seen.waited += lasted
  }
  // Waiting before the picture has moved is the start, not a stall.
  video.addEventListener('waiting', () => {
    if (moved && !video.ended) waiting ??= performance.now()
  })
  video.addEventListener('playing', resumed)
  let finish
  const done = new Promise((resolve) => (finish = resolve))
  video.addEventListener('ended', () => ((seen.ended = true), finish()))
  const began = performance.now()
  let first = null
  video.addEventListener('timeupdate', () => {
    first ??= video.currentTime
    if (video.currentTime > first + 0.3) moved = true
    if (until !== undefined && until !== null && video.currentTime >= until) finish()
  })
  if (file === undefined) {
    hls.attachMedia(video)
    hls.loadSource(url)
  } else video.src = '/file-under-test'
  video.playbackRate = rate ?? 1
  video.defaultPlaybackRate = rate ?? 1
  void video.play().catch((error) => seen.errors.push(String(error)))
  await new Promise((resolve) => { video.addEventListener('playing', resolve, { once: true }); setTimeout(resolve, patience) })
  const started = performance.now() - began
  await Promise.race([done, new Promise((resolve) => setTimeout(resolve, patience))])
  resumed()
  const holes = []
  for (let i = 1; i < video.buffered.length; i += 1) holes.push([video.buffered.end(i - 1), video.buffered.start(i)])
  const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality()
  Object.assign(seen, { at: video.currentTime, duration: video.duration, holes, started, width: video.videoWidth, height: video.videoHeight })
  Object.assign(seen, { frames: totalVideoFrames, dropped: droppedVideoFrames })
  hls.destroy()
  await sound.close()
  return seen
}

const orders = JSON.parse(readFileSync(0, 'utf8'))
const browser = await chromium.launch({ executablePath, args })

/** Plays one order in its own window. */
async function watch(order) {
  const page = await browser.newPage()
  // A page at the server's origin: it may fetch the media, and it counts as secure. A small picture costs little to show.
  const home = new URL('/player-under-test', order.url).href
  await page.route(home, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><video width="160"></video>' }))
  if (order.file !== undefined) await page.route(new URL('/file-under-test', home).href, (route) => route.fulfill({ path: order.file, contentType: 'video/mp4' }))
  if (process.env.LOUD) page.on('console', (it) => console.error(it.text())).on('requestfailed', (it) => console.error(it.url(), it.failure()))
  await page.goto(home)
  await page.addScriptTag({ path: player })
  const seen = await page.evaluate(play, { patience: 60_000, ...order })
  await page.close()
  return seen
}

try {
  const found = []
  const waiting = orders.entries()
  const turn = async () => {
    for (const [number, order] of waiting) found[number] = await watch(order)
  }
  await Promise.all(Array.from({ length: Number(process.argv[2] ?? 1) }, turn))
  console.log(JSON.stringify(found))
} finally {
  await browser.close()
}
