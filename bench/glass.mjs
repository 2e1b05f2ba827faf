// Publishes a clock by WHIP and watches it by WHEP and by LL-HLS, each in a browser of its own:
//   glass.mjs < {origin, whip, whep, stream, publisher, viewers, seconds}
// `publisher` and `viewers` are Authorization headers. Prints {WHEP: {delays, gap}, "LL-HLS": {delays, gap}}: the time from
// canvas to canvas of each picture in milliseconds, and the longest time between two pictures in seconds.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const { chromium } = createRequire(new URL('../e2e/node/package.json', import.meta.url))('playwright-core')
const player = fileURLToPath(new URL('../web/page/node_modules/hls.js/dist/hls.min.js', import.meta.url))
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  '--disable-renderer-backgrounding',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
]

/** What all pages need. */
function equip() {
  globalThis.agree = async (peer, url, authorization) => {
    await peer.setLocalDescription()
    const headers = { 'content-type': 'application/sdp', authorization }
    const reply = await fetch(url, { method: 'POST', headers, body: peer.localDescription.sdp })
    if (reply.status !== 201) throw new Error(`${url}: ${reply.status} ${await reply.text()}`)
    await peer.setRemoteDescription({ type: 'answer', sdp: await reply.text() })
  }
  /** Reads the clock of each picture for some seconds, from the first picture on. */
  globalThis.look = (video, seconds) =>
    new Promise((resolve, reject) => {
      const pen = new OffscreenCanvas(640, 360).getContext('2d', { willReadFrequently: true })
      const seen = { delays: [], gap: 0 }
      let [first, last] = [null, null]
      const see = (now) => {
        pen.drawImage(video, 0, 0, 640, 360)
        let shown = 0
        for (let bit = 0; bit < 16; bit++) {
          const [red, green, blue] = pen.getImageData(bit * 40 + 20, 60, 1, 1).data
          if (red + green + blue > 384) shown |= 1 << bit
        }
        first ??= now
        // Players first find their distance to the end.
        if (now - first > 5000) {
          seen.delays.push(((Date.now() % 65_536) - shown + 65_536) % 65_536)
          seen.gap = Math.max(seen.gap, (now - last) / 1000)
        }
        last = now
        if (now - first > 5000 + seconds * 1000) return resolve(seen)
        video.requestVideoFrameCallback(see)
      }
      video.requestVideoFrameCallback(see)
      setTimeout(() => reject(new Error(`${seen.delays.length} pictures in ${seconds} s`)), seconds * 1000 + 40_000)
    })
  globalThis.stage = () => {
    const video = document.createElement('video')
    video.muted = true
    document.body.replaceChildren(video)
    return video
  }
}

async function publish({ whip, publisher }) {
  const canvas = document.createElement('canvas')
  ;[canvas.width, canvas.height] = [640, 360]
  const pen = canvas.getContext('2d')
  const draw = () => {
    pen.fillStyle = `hsl(${(Date.now() / 50) % 360} 60% 50%)`
    pen.fillRect(0, 0, 640, 360)
    const now = Date.now() % 65_536
    for (let bit = 0; bit < 16; bit++) {
      pen.fillStyle = (now >> bit) & 1 ? 'white' : 'black'
      pen.fillRect(bit * 40, 0, 40, 120)
    }
  }
  setInterval(draw, 33)
  draw()
  const sound = await navigator.mediaDevices.getUserMedia({ audio: true })
  const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' })
  const video = peer.addTransceiver(canvas.captureStream(30).getVideoTracks()[0], { direction: 'sendonly' })
  const codecs = RTCRtpSender.getCapabilities('video').codecs
  video.setCodecPreferences(codecs.filter(({ mimeType }) => /H264|rtx/.test(mimeType)))
  peer.addTransceiver(sound.getAudioTracks()[0], { direction: 'sendonly' })
  await agree(peer, whip, publisher)
  globalThis.publisher = peer
}

async function watch({ whep, viewers, seconds }) {
  const video = stage()
  const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' })
  const stream = new MediaStream()
  peer.addEventListener('track', ({ track }) => stream.addTrack(track))
  peer.addTransceiver('video', { direction: 'recvonly' })
  peer.addTransceiver('audio', { direction: 'recvonly' })
  await agree(peer, whep, viewers[0])
  video.srcObject = stream
  await video.play()
  return look(video, seconds)
}

async function read({ stream, viewers, seconds }) {
  const headers = { accept: 'application/json', authorization: viewers[1] }
  let opened
  for (let tries = 0; opened?.status !== 200; tries++) {
    if (tries > 100) throw new Error(`no stream: ${opened.status} ${await opened.text()}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
    opened = await fetch(stream, { headers })
  }
  const video = stage()
  const hls = new Hls({ lowLatencyMode: true })
  hls.loadSource((await opened.json()).hls_url)
  hls.attachMedia(video)
  await new Promise((resolve) => hls.once(Hls.Events.MANIFEST_PARSED, resolve))
  await video.play()
  return look(video, seconds)
}

const order = JSON.parse(readFileSync(0, 'utf8'))
const browsers = []
try {
  const open = async () => {
    const browser = await chromium.launch({ executablePath, args })
    browsers.push(browser)
    const context = await browser.newContext({ permissions: ['microphone'], bypassCSP: true })
    const page = await context.newPage()
    await page.goto(order.origin)
    await page.evaluate(equip)
    return page
  }
  const [publisher, viewer, reader] = [await open(), await open(), await open()]
  await reader.addScriptTag({ path: player })
  await publisher.evaluate(publish, order)
  const found = {}
  for (const [way, page, how] of [['WHEP', viewer, watch], ['LL-HLS', reader, read]]) {
    found[way] = await page.evaluate(how, order)
    await page.goto('about:blank')
  }
  console.log(JSON.stringify(found))
} finally {
  await Promise.all(browsers.map((browser) => browser.close()))
}
