// Live lectures: a teacher with Chromium's made-up camera, and learners who watch by WebRTC and by segments.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { countLostPictures } from './pictures.mjs';
import { press, signIn, tabTo, type } from './keyboard.mjs';
import { until } from './stage.mjs';

const path = (page) => page.locator('section.player').first().getAttribute('data-path');
const time = (page) => page.evaluate(() => document.querySelector('video').currentTime);

/** Waits until a number of new pictures have been shown. */
async function expectPictures(page, count) {
  await page.locator('video').first().waitFor();
  await page.evaluate(() => {
    const video = document.querySelector('video');
    const seen = { pictures: 0, gap: 0, last: null };
    window.seen = seen;
    const next = () => {
      if (window.seen !== seen) return;
      const now = performance.now();
      seen.gap = Math.max(seen.gap, now - (seen.last ?? now));
      seen.last = now;
      seen.pictures += 1;
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
  });
  await until(`${count} pictures`, () => page.evaluate((wanted) => window.seen.pictures >= wanted, count), 20);
  return page.evaluate(() => window.seen);
}

async function bearer(base, { email, password }) {
  const headers = { 'content-type': 'application/json' };
  const login = await fetch(`${base}/api/v1/users/login`, { method: 'POST', headers, body: JSON.stringify({ email, password }) });
  const { access_token } = await login.json();
  return { ...headers, authorization: `Bearer ${access_token}` };
}

/** Lets everybody who is signed in watch a lecture. */
async function open(base, instructor, id) {
  const headers = await bearer(base, instructor);
  const body = JSON.stringify({ visibility: 'signed_in' });
  assert.equal((await fetch(`${base}/api/v1/content/${id}`, { method: 'PATCH', headers, body })).status, 200);
}

/** Puts lectures into a course that everybody may watch; returns the address of the last one there. */
async function courseOf(base, instructor, lectures) {
  const headers = await bearer(base, instructor);
  const post = async (path, fields) => {
    const answer = await fetch(`${base}/api/v1/courses${path}`, { method: 'POST', headers, body: JSON.stringify(fields) });
    assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`);
    return answer.json();
  };
  const course = await post('', { title: 'Primes for all', access: 'open' });
  const module = await post(`/${course.id}/modules`, { title: 'Part two' });
  let item;
  for (const content_id of lectures) item = await post(`/${course.id}/modules/${module.id}/items`, { kind: 'video', content_id });
  await post(`/${course.id}/publish`, {});
  return `/courses/${course.id}/items/${item.id}`;
}

async function learnerPage(stage, name) {
  const learner = { email: `${name.toLowerCase()}-${Date.now().toString(36)}@example.org`, password: 'a class that is there', name };
  const headers = { 'content-type': 'application/json' };
  const made = await fetch(`${stage.base}/api/v1/users/signup`, { method: 'POST', headers, body: JSON.stringify(learner) });
  assert.equal(made.status, 201);
  const page = await stage.person();
  await stage.signIn(page, learner);
  return page;
}

async function goTo(page, address) {
  await page.evaluate((to) => {
    const link = document.createElement('a');
    link.href = to;
    document.body.append(link);
    link.click();
    link.remove();
  }, address);
}

/** Three times the limit of two seconds: a teacher's browser encodes on this machine, and several others watch. Units: ms */
const longestGap = 6000;

/** With the keyboard alone, a teacher makes a lecture, sees and hears herself, and goes live. */
export async function goLiveByKeyboard(world) {
  const { stage, instructor } = world;
  const page = await stage.person();
  stage.withoutMouse(page);
  await signIn(page, `${stage.base}/lectures`, instructor);
  await page.getByRole('heading', { name: 'My lectures', level: 1 }).waitFor();
  await press(page, 'Go live');
  await page.getByRole('dialog', { name: 'New live lecture' }).waitFor();
  await stage.expectAccessible(page, 'a new live lecture');
  await type(page, 'Title', 'Primes, live');
  await press(page, 'Open the studio');
  await page.getByRole('heading', { name: 'Primes, live', level: 1 }).waitFor();
  world.live = new URL(page.url()).pathname.split('/')[2];
  await page.getByText('Nobody sees you yet.').waitFor();
  await expectPictures(page, 5);
  await page.getByText('We hear you.').waitFor();
  await stage.expectAccessible(page, 'the studio');
  await stage.picture(page, 'studio');
  await press(page, 'Go live');
  await page.locator('.state').getByText('You are live.').waitFor();
  await page.getByText(/pictures per second/).waitFor();
  await stage.expectAccessible(page, 'the studio, live');
  stage.withMouse(page);
  world.studio = page;
  await open(stage.base, instructor, world.live);
}

/** A learner watches as it happens. */
export async function watchLive(world) {
  const { stage } = world;
  const page = await learnerPage(stage, 'Wanda');
  await goTo(page, `/lectures/${world.live}`);
  await page.getByRole('heading', { name: 'Primes, live', level: 1 }).waitFor();
  await until('it plays by WebRTC', async () => (await path(page)) === 'webrtc');
  const { gap } = await expectPictures(page, 40);
  assert.ok(gap < longestGap, `no picture for ${gap} ms`);
  await page.locator('.controls').getByText('Live', { exact: true }).waitFor({ state: 'attached' });
  await stage.expectAccessible(page, 'a live lecture');
  await stage.picture(page, 'live-lecture');
  // What she sees counts as watched of the recording.
  const report = await page.waitForRequest((one) => one.method() === 'POST' && one.url().endsWith('/watch'), { timeout: 20_000 });
  const { authorization } = await report.allHeaders();
  const watched = () => fetch(report.url(), { headers: { authorization } }).then((answer) => answer.json());
  await until('the server keeps what she has seen', async () => (await watched()).seconds > 1);
  world.watching = page;
}

/** Where nothing passes but HTTP, a learner watches by segments, without doing anything. */
export async function watchLiveBehindAFirewall(world) {
  const { stage } = world;
  // Right after the beginning there may be no segments yet.
  stage.allow(/status of (404|503)/);
  const page = await learnerPage(stage, 'Fay');
  let offers = 0;
  // The server's answer leads to a port that nobody listens at.
  await page.route('**/whep', async (route) => {
    offers += 1;
    const response = await route.fetch();
    const body = (await response.text()).replace(/^(a=candidate:.*?) \d+ typ host/gm, '$1 9 typ host');
    await route.fulfill({ response, body });
  });
  await goTo(page, `/lectures/${world.live}`);
  await until('it plays by segments', async () => (await path(page)) === 'segments', 15);
  const { gap } = await expectPictures(page, 40);
  assert.ok(gap < longestGap, `no picture for ${gap} ms`);
  assert.equal(offers, 1, 'WebRTC is tried once');
  await page.locator('.controls').getByText('Live', { exact: true }).waitFor({ state: 'attached' });
  await page.context().close();
}

/** Where the server takes no more viewers by WebRTC, segments play at once. */
export async function watchLiveInAFullRoom(world) {
  const { stage } = world;
  stage.allow(/status of (404|503)/);
  const page = await learnerPage(stage, 'Fergus');
  const body = JSON.stringify({ code: 'webrtc_full', status: 503, title: 'full' });
  await page.route('**/whep', (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body }));
  await goTo(page, `/lectures/${world.live}`);
  await until('it plays by segments', async () => (await path(page)) === 'segments', 10);
  await expectPictures(page, 20);
  await page.context().close();
}

/** A learner looks at the beginning again, and then at what happens now. */
export async function rewindAndReturn(world) {
  const { stage, watching: page } = world;
  // WebRTC takes the place of the segments, and they its.
  stage.allow(/status of (403|404)/);
  await page.locator('section.player').focus();
  await page.keyboard.press('0');
  await until('the beginning plays', async () => (await path(page)) === 'segments' && (await time(page)) < 6);
  await expectPictures(page, 20);
  await page.locator('.controls').getByRole('button', { name: 'Jump to live' }).waitFor({ state: 'attached' });
  await stage.expectAccessible(page, 'a live lecture, rewound');
  await stage.picture(page, 'live-lecture-rewound');
  await tabTo(page, (element) => element.tagName === 'BUTTON' && element.textContent.includes('Jump to live'));
  await page.keyboard.press('Enter');
  await until('it is live again', async () => (await path(page)) === 'webrtc');
  await expectPictures(page, 20);
}

/** Another tab of the teacher's takes over, and the first one says so. */
export async function broadcastFromAnotherPlace(world) {
  // The server has ended sessions before the page says good-bye.
  world.stage.allow(/status of (403|404)/);
  const { stage, studio, instructor, watching } = world;
  const other = await stage.person();
  await stage.signIn(other, instructor);
  await goTo(other, `/lectures/${world.live}/studio`);
  await other.getByText('The lecture is live from another place.').waitFor();
  await expectPictures(other, 5);
  await other.getByRole('button', { name: 'Broadcast from here' }).click();
  await other.locator('.state').getByText('You are live.').waitFor();
  await studio.locator('.state').getByText('Another place has taken over.').waitFor();
  await expectPictures(watching, 20);
  await studio.getByRole('button', { name: 'Broadcast from here' }).click();
  await studio.locator('.state').getByText('You are live.').waitFor();
  await other.locator('.state').getByText('Another place has taken over.').waitFor();
  await other.context().close();
}

/** The screen is shown in place of the camera; learners see it without doing anything. */
export async function showTheScreen({ stage, studio, watching }) {
  // The server has ended sessions before the page says good-bye.
  stage.allow(/status of (403|404)/);
  const lostPictures = await countLostPictures(studio);
  await studio.getByRole('radio', { name: /Screen and camera/ }).click();
  await studio.getByLabel('Camera in the corner').waitFor();
  await until('the screen is sent', () => studio.evaluate(() => document.querySelector('video').srcObject?.getVideoTracks()[0]?.contentHint === 'detail'));
  await expectPictures(watching, 40);
  await studio.getByRole('radio', { name: /^Camera/ }).click();
  await studio.getByLabel('Camera in the corner').waitFor({ state: 'detached' });
  await expectPictures(watching, 20);
  // What was sent before goes on for two seconds.
  await studio.waitForTimeout(3000);
  assert.equal(await lostPictures(), 0);
}

/** The teacher sees who is there, and keeps it as a table. */
export async function readTheAttendance({ stage, studio }) {
  const table = studio.getByRole('region', { name: 'Attendance' });
  await table.getByRole('rowheader', { name: 'Wanda' }).first().waitFor({ timeout: 30_000 });
  const [download] = await Promise.all([studio.waitForEvent('download'), studio.getByRole('button', { name: 'Download as CSV' }).click()]);
  const lines = (await readFile(await download.path(), 'utf8')).trim().split(/\r?\n/);
  assert.ok(lines.length > 1 && lines.some((line) => line.includes('Wanda')), lines.join('\n'));
  await stage.expectAccessible(studio, 'attendance');
}

/** The lecture at three widths, in light and in dark: the studio, and a learner's page. */
export async function lookAtLive({ stage, studio, watching }) {
  // The server has ended sessions before the page says good-bye.
  stage.allow(/status of (403|404)/);
  for (const [name, page] of [['studio', studio], ['live', watching]]) {
    for (const [width, height] of [[360, 740], [768, 1024], [1440, 900]]) {
      await page.setViewportSize({ width, height });
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        // Colours that were changing when motion was reduced come to their end.
        await page.waitForTimeout(1000);
        await stage.expectAccessible(page, `${name}, ${width} px, ${colorScheme}`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(wide <= 0, `${name}, ${width} px: ${wide} px too wide`);
        await stage.picture(page, `${name}-${width}-${colorScheme}`);
      }
    }
    await page.setViewportSize({ width: 1200, height: 800 });
  }
}

/** The lecture ends; somebody who was in the past goes on there, in the recording. */
export async function endTheLecture(world) {
  // The server has ended sessions before the page says good-bye.
  world.stage.allow(/status of (403|404)/);
  const { stage, studio, watching: page } = world;
  stage.allow(/status of (403|404|409|410)/);
  await page.locator('section.player').focus();
  await page.keyboard.press('0');
  await until('the beginning plays', async () => (await path(page)) === 'segments' && (await time(page)) < 6);
  await expectPictures(page, 10);
  const before = await time(page);
  await studio.getByRole('button', { name: 'End the lecture' }).click();
  await studio.getByRole('dialog').getByRole('button', { name: 'End the lecture' }).click();
  await studio.getByRole('link', { name: 'Watch the recording' }).waitFor();
  await page.locator('.toast').getByText('The lecture has ended.').waitFor({ timeout: 10_000 });
  await page.locator('section.player:not([data-path])').waitFor({ timeout: 10_000 });
  await until('the recording goes on at the same place', async () => (await time(page)) > before, 15);
  assert.ok((await time(page)) < before + 20, `it was at ${before}, and is at ${await time(page)}`);
  await expectPictures(page, 10);
  assert.equal(await page.getByRole('button', { name: 'Jump to live' }).count(), 0);
  await page.context().close();
  await studio.context().close();
}

/** A lecture that is announced counts down, and begins on the learners' pages without a reload. */
export async function beginAScheduledLecture(world) {
  // The server has ended sessions before the page says good-bye.
  world.stage.allow(/status of (403|404)/);
  const { stage, instructor } = world;
  stage.allow(/status of (403|404|409|410)/);
  const page = await stage.person();
  await stage.signIn(page, instructor);
  await stage.toLectures(page);
  await page.getByRole('button', { name: 'Go live' }).click();
  await page.getByLabel('Title').fill('Primes, the second part');
  await page.getByLabel('Later').check();
  const soon = new Date(Date.now() + 3_600_000);
  const local = new Date(soon.getTime() - soon.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  await page.getByLabel('Begins at').fill(local);
  await page.getByRole('button', { name: 'Schedule it' }).click();
  await page.locator('.toast').getByText(/is scheduled for/).waitFor();
  const row = page.getByRole('listitem').filter({ hasText: 'Primes, the second part' });
  await row.getByText('Scheduled', { exact: false }).first().waitFor();
  await stage.picture(page, 'lectures-scheduled');
  await row.getByRole('link', { name: 'Primes, the second part' }).click();
  await page.getByRole('link', { name: 'Open the studio' }).waitFor();
  const id = new URL(page.url()).pathname.split('/')[2];
  const lesson = await courseOf(stage.base, instructor, [world.live, id]);

  const learner = await learnerPage(stage, 'Sam');
  await goTo(learner, lesson);
  await learner.getByRole('timer').waitFor();
  await learner.evaluate(() => (window.kept = true));
  await stage.expectAccessible(learner, 'a scheduled lecture');
  await stage.picture(learner, 'scheduled-lecture');
  await page.getByRole('link', { name: 'Open the studio' }).click();
  await expectPictures(page, 5);
  await page.getByRole('button', { name: 'Go live' }).click();
  await page.locator('.state').getByText('You are live.').waitFor();
  await until('it plays', async () => ['webrtc', 'segments'].includes(await path(learner).catch(() => null)), 15);
  await expectPictures(learner, 20);
  const badge = learner.locator('.outline').getByText('Live', { exact: true });
  await badge.waitFor();
  await page.getByRole('button', { name: 'End the lecture' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End the lecture' }).click();
  await page.getByRole('link', { name: 'Watch the recording' }).waitFor();
  await learner.locator('.toast').getByText('The lecture has ended.').waitFor({ timeout: 10_000 });
  await badge.waitFor({ state: 'detached' });
  assert.equal(await learner.evaluate(() => window.kept), true, 'without a reload');
  await learner.context().close();
  await page.context().close();
}
