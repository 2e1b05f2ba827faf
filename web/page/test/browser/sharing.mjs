import assert from 'node:assert/strict';
import { until } from './stage.mjs';

const time = (page) => page.evaluate(() => document.querySelector('video')?.currentTime ?? 0);

/** A lecture is shared by a link; a stranger opens it and plays, until it is private again. */
export async function watchByALink({ stage, instructor, lecture }) {
  const page = await stage.person();
  await stage.signIn(page, instructor);
  await page.goto(`${stage.base}${lecture}`);
  await page.getByLabel('Everyone with the link').check();
  const field = page.getByLabel('Link to share');
  await field.waitFor();
  const link = await field.inputValue();
  assert.ok(link.startsWith(`${stage.base}${lecture}?s=`), link);
  await stage.expectAccessible(page, 'a shared lecture');

  const stranger = await stage.person();
  await stranger.goto(link);
  await stranger.getByRole('heading', { name: /Vectors/, level: 1 }).waitFor();
  await stranger.getByRole('button', { name: 'Play', exact: true }).click();
  await until('it plays', async () => (await time(stranger)) > 1);
  await stage.expectAccessible(stranger, 'a lecture for a stranger');
  await stage.picture(stranger, 'shared-lecture');

  // What is refused from now on is logged by the browser.
  stage.allow(/status of (401|403|404)/);
  await page.getByLabel('Only me').check();
  await page.locator('.toast').waitFor();
  await stranger.reload();
  await stranger.getByRole('heading', { name: 'This link doesn’t work' }).waitFor();
  await stranger.context().close();
  await page.context().close();
}

/** Signs in as a program does; returns the headers of its requests. */
async function bearerOf(base, { email, password }) {
  const headers = { 'content-type': 'application/json', 'user-agent': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0' };
  const login = await fetch(`${base}/api/v1/users/login`, { method: 'POST', headers, body: JSON.stringify({ email, password }) });
  const { access_token } = await login.json();
  return { ...headers, authorization: `Bearer ${access_token}`, accept: 'application/json' };
}

/** Plays a lecture from its first request on. */
async function playElsewhere(base, account, id) {
  const headers = await bearerOf(base, account);
  const stream = await (await fetch(`${base}/api/v1/content/${id}/stream`, { headers })).json();
  const playlist = new URL(stream.hls_url, base);
  assert.equal((await fetch(playlist)).status, 200);
  return playlist;
}

/** Somebody with whom a lecture is shared, and who plays nothing else. */
async function viewerOf(base, instructor, id) {
  const viewer = { email: `places-${Date.now().toString(36)}@example.org`, password: 'in many places at once', name: 'Paula Places' };
  const headers = await bearerOf(base, instructor);
  const signUp = await fetch(`${base}/api/v1/users/signup`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(viewer) });
  assert.equal(signUp.status, 201);
  const shared = await fetch(`${base}/api/v1/content/${id}`, { method: 'PATCH', headers, body: JSON.stringify({ visibility: 'signed_in' }) });
  assert.equal(shared.status, 200);
  return viewer;
}

/** Somebody who plays in too many places sees where, and goes on here. */
export async function playInTooManyPlaces({ stage, instructor, lecture }) {
  stage.allow(/status of (403|429)/);
  const id = lecture.split('/').at(-1);
  const viewer = await viewerOf(stage.base, instructor, id);
  const places = [];
  for (let n = 0; n < 3; n += 1) places.push(await playElsewhere(stage.base, viewer, id));
  const page = await stage.person();
  await stage.signIn(page, viewer);
  await page.goto(`${stage.base}${lecture}`);
  await page.getByRole('heading', { name: 'You are already watching in 3 other places' }).waitFor();
  await stage.expectAccessible(page, 'too many places');
  await stage.picture(page, 'too-many-places');
  await page.getByRole('button', { name: 'Play here instead of on Firefox on Windows' }).first().click();
  await until('it plays here', async () => (await time(page)) > 1);
  const refused = async () => (await Promise.all(places.map(async (each) => (await fetch(each)).status))).filter((status) => status === 403).length;
  await until('one of the other places has stopped', async () => (await refused()) === 1);
  await page.context().close();
}
