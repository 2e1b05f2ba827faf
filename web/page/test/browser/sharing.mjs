import assert from 'node:assert/strict';
import { client } from './client.mjs';
import { called, choose, expectFocus, press, signIn, tabTo } from './keyboard.mjs';
import { until } from './stage.mjs';

const time = (page) => page.evaluate(() => document.querySelector('video')?.currentTime ?? 0);

/** With the keyboard alone, a lecture is shared by a link; a stranger opens it and plays, until it is private again. */
export async function watchByALink({ stage, instructor, lecture }) {
  const page = await stage.person();
  stage.withoutMouse(page);
  await signIn(page, `${stage.base}${lecture}`, instructor);
  await page.getByLabel('Only me').waitFor();
  const stored = [];
  page.on('request', (request) => request.method() === 'PATCH' && stored.push(request.url()));
  await choose(page, 'Besides courses', 'Everyone with the link');
  const field = page.getByLabel('Link to share');
  await field.waitFor();
  assert.equal(stored.length, 1, 'the choices on the way there are not stored');
  const link = await field.inputValue();
  assert.ok(link.startsWith(`${stage.base}${lecture}?s=`), link);
  await stage.expectAccessible(page, 'a shared lecture');
  await press(page, 'Copy: Link to share');
  await page.locator('.toast').getByText('The link was copied.').waitFor();

  const stranger = await stage.person();
  stage.withoutMouse(stranger);
  await stranger.goto(link);
  await stranger.getByRole('heading', { name: /Vectors/, level: 1 }).waitFor();
  await stranger.getByRole('button', { name: 'Play', exact: true }).waitFor();
  await tabTo(stranger, called('Play'));
  await stranger.keyboard.press('Space');
  await until('it plays', async () => (await time(stranger)) > 1);
  await stage.expectAccessibleEverywhere(stranger, 'a lecture for a stranger');
  await stage.picture(stranger, 'shared-lecture');

  // What is refused from now on is logged by the browser.
  stage.allow(/status of (401|403|404)/);
  await tabTo(page, called('Link to share'), true);
  await choose(page, 'Besides courses', 'Only me', 'ArrowUp');
  await page.locator('.toast').getByText(/Only you can watch/).waitFor();
  await stranger.reload();
  await stranger.getByRole('heading', { name: 'This link doesn’t work' }).waitFor();
  await stage.expectAccessibleEverywhere(stranger, 'a link that was taken back');
  await stranger.context().close();
  await page.context().close();
}

/** A published course of an admin's with a lecture of an instructor's, who brought it along as an editor and was removed. */
async function lend(instructor, admin, content_id) {
  const { id: guest } = await instructor('GET', '/users/profile', 200);
  const { id: course } = await admin('POST', '/courses', 201, { title: 'Borrowed', access: 'enrolled', join: 'closed' });
  const { id: module } = await admin('POST', `/courses/${course}/modules`, 201, { title: 'From elsewhere' });
  await admin('POST', `/courses/${course}/enrolments`, 201, { user_id: guest });
  await admin('PUT', `/courses/${course}/members/${guest}`, 200, { role: 'editor' });
  await instructor('POST', `/courses/${course}/modules/${module}/items`, 201, { kind: 'video', content_id });
  await admin('POST', `/courses/${course}/publish`, 200);
  await admin('DELETE', `/courses/${course}/enrolments/${guest}`, 204);
  return course;
}

/** With the keyboard alone, the owner of a lecture takes it out of another's course, whose page is closed to them. */
export async function takeOutOfAnothersCourse({ stage, instructor, admin, lecture }) {
  const ask = await client(stage.base, admin);
  const course = await lend(await client(stage.base, instructor), ask, lecture.split('/').at(-1));
  const page = await stage.person();
  stage.withoutMouse(page);
  await signIn(page, `${stage.base}${lecture}`, instructor);
  const courses = page.getByRole('region', { name: 'In courses' });
  await courses.getByRole('link', { name: 'Graph theory', exact: true }).waitFor();
  const row = courses.getByRole('listitem').filter({ hasText: 'Borrowed' });
  await row.getByText('Published · enrolled people may watch', { exact: true }).waitFor();
  assert.equal(await row.getByRole('link').count(), 0, 'no link leads to a closed course');
  await stage.expectAccessibleEverywhere(page, 'a lecture with its courses');
  await stage.picture(page, 'in-courses');

  await press(page, 'Take out of “Borrowed”');
  await page.getByRole('dialog', { name: 'Take the lecture out of “Borrowed”?' }).waitFor();
  await expectFocus(page, 'what changes nothing', called('Cancel'));
  await stage.expectAccessible(page, 'taking a lecture out of a course');
  await stage.picture(page, 'take-out');
  await press(page, 'Take out');
  await page.locator('.toast').getByText('The lecture was taken out of “Borrowed”.').waitFor();
  await expectFocus(page, 'the next course', "(element) => element.tagName === 'LI' && element.textContent.includes('Graph theory')");
  assert.equal(await row.count(), 0, 'it is no longer in that course');
  const { modules } = await ask('GET', `/courses/${course}`, 200);
  assert.deepEqual(modules.map((each) => each.items), [[]]);
  await page.context().close();
  // It stays as a draft, which only admins see: the audit log asks for its title.
  await ask('POST', `/courses/${course}/unpublish`, 200);
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
export async function playInTooManyPlaces(world) {
  const { stage, instructor, lecture } = world;
  stage.allow(/status of (403|429)/);
  const id = lecture.split('/').at(-1);
  const viewer = await viewerOf(stage.base, instructor, id);
  const places = [];
  for (let n = 0; n < 3; n += 1) places.push(await playElsewhere(stage.base, viewer, id));
  const page = await stage.person();
  stage.withoutMouse(page);
  await signIn(page, `${stage.base}${lecture}`, viewer);
  await page.getByRole('heading', { name: 'You are already watching in 3 other places' }).waitFor();
  await stage.expectAccessibleEverywhere(page, 'too many places');
  await stage.picture(page, 'too-many-places');
  await press(page, 'Play here instead of on Firefox on Windows');
  await until('it plays here', async () => (await time(page)) > 1);
  const refused = async () => (await Promise.all(places.map(async (each) => (await fetch(each)).status))).filter((status) => status === 403).length;
  await until('one of the other places has stopped', async () => (await refused()) === 1);
  await stage.expectAccessibleEverywhere(page, 'a lecture that goes on here');
  Object.assign(world, { viewer, viewerPage: page });
}

/** A page that is closed, or that the browser only keeps for later, holds no place; when it is shown again, it plays on. */
export async function freeThePlaceOfAClosedPage({ stage, lecture, viewer, viewerPage: page }) {
  stage.allow(/status of (403|429)/);
  const headers = await bearerOf(stage.base, viewer);
  const isFree = async () => (await fetch(`${stage.base}/api/v1/content${lecture.replace('/lectures', '')}/stream`, { headers })).status === 200;
  assert.ok(!(await isFree()), 'all places are taken');
  const shown = (name) => page.evaluate((type) => window.dispatchEvent(new PageTransitionEvent(type, { persisted: true })), name);
  await shown('pagehide');
  await until('the place is free', isFree, 10);
  const stopped = await time(page);
  await shown('pageshow');
  await until('the picture is back', () => page.evaluate(() => document.querySelector('video').readyState >= 2));
  assert.ok(Math.abs((await time(page)) - stopped) < 1, `it is at ${await time(page)}, and was at ${stopped}`);
  await page.keyboard.press('k');
  await until('it plays on', async () => (await time(page)) > stopped + 1);
  assert.ok(!(await isFree()), 'all places are taken again');
  await page.close({ runBeforeUnload: true });
  await until('the place is free', isFree, 10);
  await page.context().close();
}
