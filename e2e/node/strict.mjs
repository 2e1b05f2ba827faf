// Parses playlists with hls-parser in strict mode: reads [[address, text], ...] from standard input and
// writes the list of those that fail to standard output.
import { readFileSync } from 'node:fs'
import HLS from 'hls-parser'

HLS.setOptions({ strictMode: true, silent: true })
const faults = []
for (const [address, text] of JSON.parse(readFileSync(0, 'utf8'))) {
  try {
    const playlist = HLS.parse(text)
    const empty = playlist.isMasterPlaylist ? playlist.variants.length === 0 : playlist.segments.length === 0
    if (empty) faults.push({ address: address.replace(/\/p\/[^/]+/, '/p/…'), message: 'names nothing', text })
  } catch (error) {
    faults.push({ address: address.replace(/\/p\/[^/]+/, '/p/…'), message: String(error), text })
  }
}
console.log(JSON.stringify(faults))
