// An OpenID provider, oidc-provider as it is: provider.mjs REDIRECT_URI...
//
// Its client `moocflix` authenticates with the secret `moocflix-secret-of-the-tests` (client_secret_basic) and must use
// PKCE. Any password signs in. The name of the person decides the claims: `ada` has the address ada@school.example, and
// `unverified-ada` one that nobody has verified; `nobody-ada` has none. With `resource=https://mooc.test/api`, or by the
// command `token`, a person gets a JWT for an API.
//
// Prints {"issuer", "control"} as a line of JSON when it is ready. Lines on standard input are commands; each is answered
// by a line of JSON, {"done": COMMAND, ...}. POST control/COMMAND/ARGUMENT does the same and returns the line.
//
//   rotate        replaces the signing key by a new one; sessions, grants and codes stay
//   slow MS       delays every answer from now on
//   token NAME    returns {"access_token"}, a JWT for the API, in the name of a person
//   stop          ends it, as the end of standard input does
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { Provider, errors } from 'oidc-provider'
import { routeInteractions } from './provider_pages.mjs'

// The library prints hints for operators to standard output, where they would come between the answers.
console.info = () => undefined

const secret = 'moocflix-secret-of-the-tests'
const audience = 'https://mooc.test/api'
const redirects = process.argv.slice(2)

/** What all providers of this process know, each record until it expires. */
const records = new Map()

/** Stores a model's records where the provider with the next key finds them. */
class Adapter {
  constructor(model) {
    this.model = model
  }
  async upsert(id, payload, seconds) {
    records.set(`${this.model}:${id}`, { payload, until: seconds ? Date.now() + seconds * 1000 : Infinity })
  }
  async find(id) {
    const record = records.get(`${this.model}:${id}`)
    return record && record.until > Date.now() ? record.payload : undefined
  }
  async findByUid(uid) {
    return this.#first((payload) => payload.uid === uid)
  }
  async findByUserCode(code) {
    return this.#first((payload) => payload.userCode === code)
  }
  async consume(id) {
    const payload = await this.find(id)
    if (payload) payload.consumed = Math.floor(Date.now() / 1000)
  }
  async destroy(id) {
    records.delete(`${this.model}:${id}`)
  }
  async revokeByGrantId(grantId) {
    for (const [key, { payload }] of records) if (payload.grantId === grantId) records.delete(key)
  }
  #first(isWanted) {
    const own = [...records].filter(([key, { until }]) => key.startsWith(`${this.model}:`) && until > Date.now())
    return own.map(([, { payload }]) => payload).find(isWanted)
  }
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' }
}

function claimsOf(name) {
  const person = { sub: name, name: name.charAt(0).toUpperCase() + name.slice(1) }
  if (name.startsWith('nobody-')) return person
  return { ...person, email: `${name}@school.example`, email_verified: !name.startsWith('unverified-') }
}

const apiToken = { scope: 'api', audience, accessTokenTTL: 300, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }

function providerAt(issuer, key) {
  const provider = new Provider(issuer, {
    adapter: Adapter,
    clients: [{ client_id: 'moocflix', client_secret: secret, redirect_uris: redirects, grant_types: ['authorization_code'] }],
    jwks: { keys: [key] },
    cookies: { keys: ['the cookies of a test'] },
    pkce: { required: () => true },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    // Clients that read only the ID token find the claims there, too.
    conformIdTokenClaims: false,
    findAccount: (_context, name) => ({ accountId: name, claims: () => claimsOf(name) }),
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => {
          if (resource !== audience) throw new errors.InvalidTarget()
          return apiToken
        },
        useGrantedResource: () => true,
      },
    },
  })
  provider.on('server_error', (_context, error) => console.error(error))
  return provider
}

async function mint(provider, name) {
  const grant = new provider.Grant({ accountId: name, clientId: 'moocflix' })
  grant.addResourceScope(audience, 'api')
  const client = await provider.Client.find('moocflix')
  const token = new provider.AccessToken({ accountId: name, client, grantId: await grant.save(), scope: 'api', gty: 'authorization_code' })
  token.resourceServer = new provider.ResourceServer(audience, apiToken)
  return token.save()
}

let answer = () => undefined
let delay = 0
const server = createServer((request, response) => setTimeout(() => answer(request, response), delay))
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const issuer = `http://127.0.0.1:${server.address().port}`

let current
function sign() {
  current = providerAt(issuer, signingKey())
  routeInteractions(current)
  answer = current.callback()
}
sign()

const commands = {
  rotate: () => sign(),
  slow: (milliseconds) => void (delay = Number(milliseconds)),
  token: async (name) => ({ access_token: await mint(current, name) }),
  stop: () => void setTimeout(() => process.exit(0), 100),
}

async function obey(command, argument) {
  if (!Object.hasOwn(commands, command)) return { unknown: command }
  return { done: command, ...(await commands[command](argument)) }
}

const control = createServer(async (request, response) => {
  const [, command, argument] = request.url.split('/')
  const done = request.method === 'POST' ? await obey(command, argument) : { unknown: request.method }
  response.writeHead(done.done ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(done))
})
control.listen(0, '127.0.0.1')
await once(control, 'listening')
console.log(JSON.stringify({ issuer, control: `http://127.0.0.1:${control.address().port}` }))

for await (const line of createInterface({ input: process.stdin })) {
  const [command, argument] = line.trim().split(/\s+/)
  console.log(JSON.stringify(await obey(command, argument)))
}
process.exit(0)
