// oauth4webapi, as it is, against MoocFlix's OAuth 2.0 endpoints: oauth.mjs URL, with {client_id, client_secret,
// refresh_token} as JSON on standard input. Prints the tokens, all ended, as JSON; fails if the library is not content.
import { readFileSync } from 'node:fs'
import * as oauth from 'oauth4webapi'

const given = JSON.parse(readFileSync(0, 'utf8'))
const insecure = { [oauth.allowInsecureRequests]: true }
const issuer = new URL(process.argv[2])
const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
const server = await oauth.processDiscoveryResponse(issuer, found)
const tokens = {}

const client = { client_id: given.client_id }
for (const [name, auth] of Object.entries({
  basic: oauth.ClientSecretBasic(given.client_secret),
  post: oauth.ClientSecretPost(given.client_secret),
})) {
  const answer = await oauth.clientCredentialsGrantRequest(server, client, auth, { scope: 'content:access' }, insecure)
  const token = await oauth.processClientCredentialsResponse(server, client, answer)
  if (token.scope !== 'content:access') throw new Error(JSON.stringify(token))
  const ended = await oauth.revocationRequest(server, client, auth, token.access_token, insecure)
  await oauth.processRevocationResponse(ended)
  tokens[name] = token.access_token
}

const page = { client_id: 'moocflix' }
const answer = await oauth.refreshTokenGrantRequest(server, page, oauth.None(), given.refresh_token, insecure)
const token = await oauth.processRefreshTokenResponse(server, page, answer)
const ended = await oauth.revocationRequest(server, page, oauth.None(), token.refresh_token, insecure)
await oauth.processRevocationResponse(ended)
tokens.person = token.access_token
console.log(JSON.stringify(tokens))
