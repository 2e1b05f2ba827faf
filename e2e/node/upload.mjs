// Uploads a file with tus-js-client as published on npm: upload.mjs ENDPOINT FILE CHUNK PAUSE_MS, with the
// bearer token in TOKEN. Each PATCH waits a little first, so that a token can expire in between.
// Prints {id, requests} as JSON.
import { createReadStream, statSync } from 'node:fs'
import { Upload } from 'tus-js-client'

const [endpoint, path, chunk, pause] = process.argv.slice(2)
let requests = 0
const upload = new Upload(createReadStream(path), {
  endpoint,
  uploadSize: statSync(path).size,
  chunkSize: Number(chunk),
  retryDelays: [0, 500, 1000],
  headers: { Authorization: `Bearer ${process.env.TOKEN}` },
  metadata: { filename: 'tus-js-client.mp4', filetype: 'video/mp4', title: 'By tus-js-client' },
  onBeforeRequest: async (request) => {
    requests += 1
    if (request.getMethod() === 'PATCH') await new Promise((go) => setTimeout(go, Number(pause)))
  },
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess: () => {
    const id = new URL(upload.url).pathname.split('/').pop()
    console.log(JSON.stringify({ id, requests }))
  },
})
upload.start()
