// Publishes a lecture by WHIP and watches it in several pages, while the test that has started this changes the network:
//   bad_network.mjs ORDER
// ORDER is JSON: {origin, whip: {url, bearer, port, named?}, viewers: {NAME: {url, bearer, port, named?}}}; packets go to the
// ports. Prints a line of JSON when everybody sees the first picture, and then one for each line that it reads, of what was seen
// so far: {sent, viewers: {NAME: {received, apart, counts}}}. Times are milliseconds since 1970. `sent` and `received` are
// [time, name] of each picture, `apart` [time, milliseconds] that the picture is ahead of the sound. A line {"end": true} ends
// it all.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import ts from '../../web/page/node_modules/typescript/lib/typescript.js'
import { openPages, publish } from './studio.mjs'

/** What the page gives lost packets time with, from its own source. */
const cushion = (() => {
  const source = readFileSync(new URL('../../web/page/src/live/cushion.ts', import.meta.url), 'utf8')
  const { outputText } = ts.transpileModule(source, { compilerOptions: { target: 'ES2022', module: 'ESNext' } })
  return outputText.replace('export class Cushion', 'globalThis.Cushion = class Cushion')
})()

/** Runs in a viewer's page; returns when there is a picture. */
async function watch({ url, bearer, port, named }) {
  const video = document.createElement('video')
  video.muted = true
  document.body.append(video)
  const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle', encodedInsertableStreams: named === true })
  const stream = new MediaStream()
  const waits = new globalThis.Cushion()
  const seen = { received: [], apart: [], counts: {} }
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
    video.requestVideoFrameCallback(() => resolve())
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
    const report = await peer.getStats()
    const wait = waits.look(report, performance.now())
    for (const receiver of peer.getReceivers()) receiver.jitterBufferTarget = wait
    for (const it of report.values()) {
      if (it.type !== 'inbound-rtp' || it.kind !== 'video') continue
      const { framesDecoded, framesDropped, packetsLost, nackCount, pliCount, freezeCount } = it
      seen.counts = { framesDecoded, framesDropped, packetsLost, nackCount, pliCount, freezeCount }
    }
  }, 250)
  video.srcObject = stream
  await video.play()
  await first
}

const { origin, whip, viewers } = JSON.parse(process.argv[2])
const pages = openPages(origin)
const see = (page) => page.evaluate(() => globalThis.seen)

try {
  const names = Object.keys(viewers)
  const [publisher, ...watching] = await Promise.all([whip, ...names].map(() => pages.open()))
  await publisher.evaluate(publish, whip)
  const all = names.map(async (name, place) => {
    await watching[place].evaluate(cushion)
    await watching[place].evaluate(watch, viewers[name])
  })
  await Promise.all(all)
  console.log(JSON.stringify({ playing: true }))
  for await (const line of createInterface({ input: process.stdin })) {
    const step = JSON.parse(line)
    const seen = await Promise.all(watching.map(see))
    console.log(
      JSON.stringify({
        sent: await publisher.evaluate(() => globalThis.sent ?? []),
        viewers: Object.fromEntries(names.map((name, place) => [name, seen[place]])),
      }),
    )
    if (step.end) break
  }
} finally {
  await pages.close()
}
