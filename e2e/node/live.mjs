// Publishes a lecture by WHIP and watches it by WHEP, each in a page of its own:
//   live.mjs < {origin, whip: {url, bearer}, whep: {url, bearer}, seconds, rids?, blocked?}
// `rids` are the layers of the picture, `blocked` keeps the viewer from using UDP.
// The picture is a canvas whose bars tell the time, the sound is the browser's beeping device. Prints {connected, first,
// frames, gap, heard, glass, sizes, kinds, codecs}: milliseconds until the viewer was connected and saw its first picture,
// pictures seen, the largest time between two of them in seconds, seconds of sound, the delays from canvas to canvas in
// milliseconds, the sizes of the pictures, the kinds of the chosen candidates and the codecs.
import { readFileSync } from 'node:fs'
import { openPages, publish } from './studio.mjs'

/** Runs in the viewer's page. */
async function watch({ url, bearer, seconds, blocked }) {
  const began = performance.now()
  const video = document.createElement('video')
  video.muted = true
  document.body.append(video)
  const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' })
  const stream = new MediaStream()
  peer.addEventListener('track', ({ track }) => stream.addTrack(track))
  peer.addTransceiver('video', { direction: 'recvonly' })
  peer.addTransceiver('audio', { direction: 'recvonly' })
  await peer.setLocalDescription()
  const headers = { 'content-type': 'application/sdp', authorization: `Bearer ${bearer}` }
  const reply = await fetch(url, { method: 'POST', headers, body: peer.localDescription.sdp })
  if (reply.status !== 201) throw new Error(`WHEP: ${reply.status} ${await reply.text()}`)
  // Where UDP is blocked, it leads nowhere.
  const reachable = (line) => !blocked || !/^a=candidate:\S+ \d+ udp /i.test(line)
  const answer = (await reply.text()).split('\r\n').filter(reachable).join('\r\n')
  await peer.setRemoteDescription({ type: 'answer', sdp: answer })
  const seen = { connected: null, first: null, frames: 0, gap: 0, heard: 0, glass: [], sizes: [], kinds: [], codecs: [] }
  peer.addEventListener('connectionstatechange', () => {
    if (peer.connectionState === 'connected') seen.connected ??= performance.now() - began
  })
  const glass = new OffscreenCanvas(640, 360).getContext('2d', { willReadFrequently: true })
  let last = null
  const look = (now, { width, height }) => {
    seen.first ??= performance.now() - began
    if (last !== null) seen.gap = Math.max(seen.gap, (now - last) / 1000)
    last = now
    seen.frames += 1
    const size = `${width}x${height}`
    if (seen.sizes.at(-1) !== size) seen.sizes.push(size)
    glass.drawImage(video, 0, 0, 640, 360)
    let shown = 0
    for (let bit = 0; bit < 16; bit++) {
      const [red, green, blue] = glass.getImageData(bit * 40 + 20, 60, 1, 1).data
      if (red + green + blue > 384) shown |= 1 << bit
    }
    seen.glass.push(((Date.now() % 65_536) - shown + 65_536) % 65_536)
    video.requestVideoFrameCallback(look)
  }
  video.requestVideoFrameCallback(look)
  video.srcObject = stream
  await video.play()
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  seen.gap = Math.max(seen.gap, last === null ? seconds : (performance.now() - last) / 1000)
  const stats = [...(await peer.getStats()).values()]
  for (const it of stats) {
    if (it.type === 'inbound-rtp' && it.kind === 'audio') seen.heard = it.totalSamplesDuration ?? 0
    if (it.type === 'candidate-pair' && it.nominated) {
      const remote = stats.find(({ id }) => id === it.remoteCandidateId)
      seen.kinds.push(`${remote?.candidateType} ${remote?.protocol}`)
    }
    if (it.type === 'codec') seen.codecs.push(it.mimeType)
  }
  await fetch(reply.headers.get('location'), { method: 'DELETE' })
  return seen
}

const { origin, whip, whep, seconds, rids, blocked } = JSON.parse(readFileSync(0, 'utf8'))
const pages = openPages(origin)
try {
  const viewer = await pages.open()
  await (await pages.open()).evaluate(publish, { ...whip, rids })
  const seen = await viewer.evaluate(watch, { ...whep, seconds, blocked })
  console.log(JSON.stringify(seen))
} finally {
  await pages.close()
}
