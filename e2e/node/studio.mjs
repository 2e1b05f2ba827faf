// Publishes lectures by WHIP in Chromium, for the scripts that watch them: pages in browsers of their own, and what runs in
// the publisher's. The picture is a canvas whose bars tell the time, the sound is the browser's beeping device.
import { chromium } from 'playwright-core'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  // Both pages have to draw, though only one is in front.
  '--disable-renderer-backgrounding',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
]

/** Pages at a server's origin, each in a browser of its own, since one browser draws only the page in front. */
export function openPages(origin) {
  const browsers = []
  const open = async () => {
    const browser = await chromium.launch({ executablePath, args })
    browsers.push(browser)
    const page = await (await browser.newContext({ permissions: ['microphone'] })).newPage()
    await page.goto(origin)
    return page
  }
  const close = () => Promise.all(browsers.map((browser) => browser.close()))
  return { open, close }
}

/**
 * Runs in the publisher's page. `rids` are the layers of the picture; `port` is the only one that packets go to. The names of
 * the sent pictures are in `globalThis.sent`, if `named`.
 */
export async function publish({ url, bearer, port, rids, named }) {
  const canvas = document.createElement('canvas')
  ;[canvas.width, canvas.height] = [640, 360]
  const pen = canvas.getContext('2d')
  const dots = named ? new ImageData(640, 16) : null
  const words = dots && new Uint32Array(dots.data.buffer)
  const draw = () => {
    pen.fillStyle = `hsl(${(Date.now() / 50) % 360} 60% 50%)`
    pen.fillRect(0, 0, 640, 360)
    for (let place = 0; place < (words?.length ?? 0); place += 4) words.fill((Math.random() * 0xffffff) | 0xff000000, place, place + 4)
    if (dots) pen.putImageData(dots, 0, 360 - dots.height)
    const now = Date.now() % 65_536
    for (let bit = 0; bit < 16; bit++) {
      pen.fillStyle = (now >> bit) & 1 ? 'white' : 'black'
      pen.fillRect(bit * 40, 0, 40, 120)
    }
  }
  setInterval(draw, 33)
  draw()
  const sound = await navigator.mediaDevices.getUserMedia({ audio: true })
  const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle', encodedInsertableStreams: named === true })
  const track = canvas.captureStream(30).getVideoTracks()[0]
  const encodings = (rids ?? []).map((rid, place) => ({
    rid,
    scaleResolutionDownBy: 2 ** (rids.length - 1 - place),
  }))
  const video = peer.addTransceiver(track, { direction: 'sendonly', ...(encodings.length ? { sendEncodings: encodings } : {}) })
  const h264 = RTCRtpSender.getCapabilities('video').codecs.filter((it) => /H264|rtx/.test(it.mimeType))
  video.setCodecPreferences(h264)
  const audio = peer.addTransceiver(sound.getAudioTracks()[0], { direction: 'sendonly' })
  if (named) {
    globalThis.sent = []
    for (const { sender } of [video, audio]) {
      const { readable, writable } = sender.createEncodedStreams()
      const note = new TransformStream({
        transform(frame, out) {
          // A picture ends with bytes that no other one has, since there is noise at its end.
          if (sender === video.sender) {
            const end = new Uint8Array(frame.data.slice(-24))
            globalThis.sent.push([Date.now(), Array.from(end, (byte) => byte.toString(16)).join('.')])
          }
          out.enqueue(frame)
        },
      })
      void readable.pipeThrough(note).pipeTo(writable)
    }
  }
  await peer.setLocalDescription()
  const headers = { 'content-type': 'application/sdp', authorization: `Bearer ${bearer}` }
  const reply = await fetch(url, { method: 'POST', headers, body: peer.localDescription.sdp })
  if (reply.status !== 201) throw new Error(`WHIP: ${reply.status} ${await reply.text()}`)
  let answer = await reply.text()
  if (port) answer = answer.replace(/^a=candidate:\S+ \d+ \S+ \d+ \S+ (\d+) .*\r\n/gm, (line, at) => (Number(at) === port ? line : ''))
  await peer.setRemoteDescription({ type: 'answer', sdp: answer })
  await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`the publisher is ${peer.connectionState}`)), 20_000)
    const look = () => peer.connectionState === 'connected' && resolve()
    peer.addEventListener('connectionstatechange', look)
    look()
  })
}

