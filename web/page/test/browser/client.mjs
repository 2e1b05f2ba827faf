import assert from 'node:assert/strict';

/** A client of the API with somebody's sign-in. */
export async function client(base, { email, password }) {
  const json = { 'content-type': 'application/json' };
  const ask = async (method, path, body, headers, status) => {
    const reply = await fetch(`${base}/api/v1${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    assert.equal(reply.status, status, `${method} ${path}`);
    return reply.status === 204 ? null : reply.json();
  };
  const { access_token } = await ask('POST', '/users/login', { email, password }, json, 200);
  return (method, path, status, body) => ask(method, path, body, { ...json, authorization: `Bearer ${access_token}` }, status);
}
