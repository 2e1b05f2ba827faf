// Publishes a lecture by WHIP and watches it in several pages, while the test that has started this changes the network:
//   bad_network.mjs ORDER
// ORDER is JSON: {origin, whip: {url, bearer, port, rids?, rates?, noise?, named?}, viewers: {NAME: {url, bearer, port,
// named?}}, segments?: {stream, bearer}}; packets go to the ports, and `segments` plays the same by hls.js. Prints a line of
// JSON when everybody sees the first picture, and then one for each line that it reads, of what was seen so far: {sent,
// viewers: {NAME: {received, sizes, apart, counts}}, segments: {still, sizes, errors}}. Times are milliseconds since 1970.
// `sent` and `received` are [time, name] of each picture, `sizes` [time, width] of each change, `apart` [time, milliseconds]
// that the picture is ahead of the sound, `still` the longest time in which nothing moved, in seconds. A line
// {"layer": 2, "active": false} stops a layer, {"end": true} ends it all.
import { createInterface } from 'node:readline'
import { openPages, publish } from './studio.mjs'

const player = new URL('../../web/page/node_modules/hls.js/dist/hls.min.js', import.meta.url).pathname

/** Runs in a viewer's page; returns when there is a picture. */
async function watch({ url, bearer, port, named }) {
  const video = document.createElement('video')
  video.muted = true
  document.body.append(video)
  const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle', encodedInsertableStreams: named === true })
  const stream = new MediaStream()
  const seen = { received: [], sizes: [], apart: [], counts: {} }
  globalThis.seen = seen
  peer.addEventListener('track', ({ track, receiver }) => {
    stream.addTrack(track)
    if (!named) return
    const { readable, writable } = receiver.createEncodedStreams()
    const note = new TransformStream({
      transform(frame, out) {
        const end = new Uint8Array(frame.data.slice(-24))
        if (track.kind === 'video') seen.received.push([Date.now(), Array.from(end, (byte) => byte.toString(16)).join('.')])
        out.enqueue(frame)
      },
    })
    void readable.pipeThrough(note).pipeTo(writable)
  })
  peer.addTransceiver('video', { direction: 'recvonly' })
  peer.addTransceiver('audio', { direction: 'recvonly' })
  await peer.setLocalDescription()
  const headers = { 'content-type': 'application/sdp', authorization: `Bearer ${bearer}` }
  const reply = await fetch(url, { method: 'POST', headers, body: peer.localDescription.sdp })
  if (reply.status !== 201) throw new Error(`WHEP: ${reply.status} ${await reply.text()}`)
  const answer = (await reply.text()).replace(/^a=candidate:\S+ \d+ \S+ \d+ \S+ (\d+) .*\r\n/gm, (line, at) => (Number(at) === port ? line : ''))
  await peer.setRemoteDescription({ type: 'answer', sdp: answer })
  const first = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`no picture: the viewer is ${peer.connectionState}`)), 30_000)
    const look = (_now, { width }) => {
      resolve()
      if (seen.sizes.at(-1)?.[1] !== width) seen.sizes.push([Date.now(), width])
      video.requestVideoFrameCallback(look)
    }
    video.requestVideoFrameCallback(look)
  })
  setInterval(async () => {
    const [picture, sound] = ['video', 'audio'].map((kind) => {
      const receiver = peer.getReceivers().find(({ track }) => track.kind === kind)
      return receiver?.getSynchronizationSources()[0]
    })
    if (picture !== undefined && sound !== undefined) {
      // The server's times of both tracks are those of the lecture, each with its source's number added.
      const of = ({ rtpTimestamp, source }, ticks) => ((rtpTimestamp - source) >>> 0) / ticks
      seen.apart.push([Date.now(), of(picture, 90) - of(sound, 48) - (picture.timestamp - sound.timestamp)])
    }
    for (const it of (await peer.getStats()).values()) {
      if (it.type !== 'inbound-rtp' || it.kind !== 'video') continue
      const { framesDecoded, framesDropped, packetsLost, nackCount, pliCount, freezeCount } = it
      seen.counts = { framesDecoded, framesDropped, packetsLost, nackCount, pliCount, freezeCount }
    }
  }, 250)
  video.srcObject = stream
  await video.play()
  await first
}

/** Runs in the page that plays segments; returns when the picture moves. */
async function follow(url) {
  const video = document.querySelector('video')
  video.muted = true
  const seen = { still: 0, sizes: [], errors: [] }
  globalThis.seen = seen
  const hls = new Hls({ enableWorker: false })
  hls.on(Hls.Events.ERROR, (_name, { details, fatal }) => seen.errors.push(`${details}${fatal ? ', fatal' : ''}`))
  hls.attachMedia(video)
  hls.loadSource(url)
  void video.play().catch((error) => seen.errors.push(String(error)))
  await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`no segments: ${seen.errors}`)), 30_000)
    let last = null
    let moved = null
    setInterval(() => {
      const now = Date.now()
      if (seen.sizes.at(-1)?.[1] !== video.videoWidth) seen.sizes.push([now, video.videoWidth])
      if (video.currentTime !== last) {
        last = video.currentTime
        if (video.currentTime > 0 && !video.paused && video.readyState > 2) {
          moved = now
          resolve()
        }
      } else if (moved !== null) seen.still = Math.max(seen.still, (now - moved) / 1000)
    }, 50)
  })
}

const { origin, whip, viewers, segments } = JSON.parse(process.argv[2])
const pages = openPages(origin)
const see = (page) => page.evaluate(() => globalThis.seen)

async function openSegments(page) {
  for (;;) {
    const reply = await fetch(segments.stream, { headers: { authorization: `Bearer ${segments.bearer}`, accept: 'application/json' } })
    if (reply.status === 200) return page.evaluate(follow, new URL((await reply.json()).hls_url, origin).href)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

try {
  const names = Object.keys(viewers)
  const [publisher, listener, ...watching] = await Promise.all([whip, segments, ...names].map((it) => it && pages.open()))
  await publisher.evaluate(publish, whip)
  const all = names.map((name, place) => watching[place].evaluate(watch, viewers[name]))
  if (segments) {
    // A page at the server's origin, without the policy that forbids other scripts.
    const home = new URL('/player-under-test', origin).href
    await listener.route(home, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><video width="640"></video>' }))
    await listener.goto(home)
    await listener.addScriptTag({ path: player })
    all.push(openSegments(listener))
  }
  await Promise.all(all)
  console.log(JSON.stringify({ playing: true }))
  for await (const line of createInterface({ input: process.stdin })) {
    const step = JSON.parse(line)
    if (step.layer !== undefined) {
      await publisher.evaluate(async ({ layer, active }) => {
        const parameters = globalThis.picture.getParameters()
        parameters.encodings[layer].active = active
        await globalThis.picture.setParameters(parameters)
      }, step)
    }
    const seen = await Promise.all(watching.map(see))
    console.log(
      JSON.stringify({
        sent: await publisher.evaluate(() => globalThis.sent ?? []),
        viewers: Object.fromEntries(names.map((name, place) => [name, seen[place]])),
        segments: segments && (await see(listener)),
      }),
    )
    if (step.end) break
  }
} finally {
  await pages.close()
}
