// Publishes and watches a lecture with the clients of the package whip-whep as they are, each in a page of its own:
//   whip_whep.mjs < {origin, whip: {url, bearer}, whep: {url, bearer}, seconds, relay?}
// With `relay`, the viewer uses nothing but the relays that the server names. Prints {pictures, sounds, gap, kinds, refused}:
// pictures that were decoded, seconds of sound, the largest time without a new picture in seconds, the viewer's own kinds of
// chosen candidates with their protocol to the relay, and requests that the server refused.
import { readFileSync } from 'node:fs'
import { openPages } from './studio.mjs'

const clients = new URL('./node_modules/whip-whep/', import.meta.url).pathname

/** Runs in the publisher's page. */
async function publish({ url, bearer }) {
  const { WHIPClient } = await import('/whip-whep/whip.js')
  const canvas = document.createElement('canvas')
  ;[canvas.width, canvas.height] = [640, 360]
  const pen = canvas.getContext('2d')
  setInterval(() => {
    pen.fillStyle = `hsl(${(Date.now() / 50) % 360} 60% 50%)`
    pen.fillRect(0, 0, 640, 360)
  }, 33)
  const sound = await navigator.mediaDevices.getUserMedia({ audio: true })
  const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' })
  const video = peer.addTransceiver(canvas.captureStream(30).getVideoTracks()[0], { direction: 'sendonly' })
  video.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter((it) => /H264|rtx/.test(it.mimeType)))
  peer.addTransceiver(sound.getAudioTracks()[0], { direction: 'sendonly' })
  await new WHIPClient().publish(peer, url, bearer)
  while (peer.connectionState !== 'connected') await new Promise((resolve) => setTimeout(resolve, 50))
  globalThis.publisher = peer
}

/** Runs in the viewer's page. */
async function watch({ url, bearer, seconds, relay }) {
  const { WHEPClient } = await import('/whip-whep/whep.js')
  const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle', iceTransportPolicy: relay ? 'relay' : 'all' })
  const video = document.querySelector('video')
  const stream = new MediaStream()
  peer.ontrack = ({ track }) => stream.addTrack(track)
  peer.addTransceiver('video', { direction: 'recvonly' })
  peer.addTransceiver('audio', { direction: 'recvonly' })
  video.srcObject = stream
  const client = new WHEPClient()
  await client.view(peer, url, bearer)
  await video.play()
  const seen = { pictures: 0, sounds: 0, gap: 0, kinds: [] }
  const end = performance.now() + seconds * 1000
  let last = performance.now()
  while (performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    const stats = [...(await peer.getStats()).values()]
    const of = (kind) => stats.find((it) => it.type === 'inbound-rtp' && it.kind === kind)
    const pictures = of('video')?.framesDecoded ?? 0
    if (pictures > seen.pictures) last = performance.now()
    else if (seen.pictures > 0) seen.gap = Math.max(seen.gap, (performance.now() - last) / 1000)
    seen.pictures = pictures
    seen.sounds = of('audio')?.totalSamplesDuration ?? 0
    const pairs = stats.filter((it) => it.type === 'candidate-pair' && it.nominated)
    const local = pairs.map((pair) => stats.find(({ id }) => id === pair.localCandidateId))
    seen.kinds = local.map((it) => `${it.candidateType} ${it.relayProtocol ?? ''}`.trim())
  }
  await client.stop()
  return seen
}

const { origin, whip, whep, seconds, relay } = JSON.parse(readFileSync(0, 'utf8'))
const pages = openPages(origin)
const refused = []
try {
  const open = async () => {
    const page = await pages.open()
    page.on('response', (response) => response.status() >= 400 && refused.push(`${response.request().method()} ${response.status()}`))
    // A page at the server's origin, without the policy that forbids other scripts.
    const home = new URL('/client-under-test', origin).href
    await page.route(home, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><video muted></video>' }))
    for (const file of ['whip.js', 'whep.js']) {
      await page.route(new URL(`/whip-whep/${file}`, origin).href, (route) => route.fulfill({ path: clients + file, contentType: 'text/javascript' }))
    }
    await page.goto(home)
    refused.length = 0
    return page
  }
  const viewer = await open()
  await (await open()).evaluate(publish, whip)
  const seen = await viewer.evaluate(watch, { ...whep, seconds, relay })
  console.log(JSON.stringify({ ...seen, refused }))
} finally {
  await pages.close()
}
