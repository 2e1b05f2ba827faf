// The pages on which a person signs in with the provider and agrees. The library's own for development load a font from
// another site, which the browser of a test can't reach; these have the same fields and addresses.

const page = (title, text, action, fields, button) => `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>${title} · Example School</title><link rel="icon" href="data:,"></head>
  <body>
    <main>
      <h1>${title}</h1>
      <p>${text}</p>
      <form method="post" action="${action}">${fields}<p><button>${button}</button></p></form>
      <p><a href="${action}/abort">Cancel</a></p>
    </main>
  </body>
</html>`

const field = (label, name, type) => `<p><label>${label} <input name="${name}" type="${type}" required></label></p>`

function show(context, { uid, prompt }) {
  const action = `/interaction/${uid}`
  const known = `<input type="hidden" name="prompt" value="${prompt.name}">`
  const typed = field('User name', 'login', 'text') + field('Password', 'password', 'password')
  context.type = 'html'
  context.body =
    prompt.name === 'login'
      ? page('School sign-in', 'Any password will do.', action, known + typed, 'Log in')
      : page('Share your name and address?', 'MoocFlix asks for them.', action, known, 'Allow')
}

async function formOf(request) {
  let text = ''
  for await (const part of request) text += part
  return new URLSearchParams(text)
}

async function agree(provider, { grantId, session, params, prompt }) {
  const known = { accountId: session?.accountId, clientId: params.client_id }
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant(known)
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = prompt.details
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '))
  if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims)
  for (const [api, scopes] of Object.entries(missingResourceScopes ?? {})) grant.addResourceScope(api, scopes.join(' '))
  return grant.save()
}

/** Adds the pages to a provider. */
export function routeInteractions(provider) {
  provider.use(async (context, next) => {
    const [, uid, abort] = /^\/interaction\/([\w-]+)(\/abort)?$/.exec(context.path) ?? []
    if (uid === undefined) return next()
    const { req, res } = context
    // The library writes its own answers to the raw response.
    const finish = (result) => {
      context.respond = false
      return provider.interactionFinished(req, res, result, { mergeWithLastSubmission: !result.login })
    }
    if (abort) return finish({ error: 'access_denied', error_description: 'The person cancelled.' })
    const asked = await provider.interactionDetails(req, res)
    if (context.method === 'GET') return show(context, asked)
    const form = await formOf(req)
    if (form.get('prompt') === 'login') return finish({ login: { accountId: form.get('login') } })
    return finish({ consent: { grantId: await agree(provider, asked) } })
  })
}
