import assert from 'node:assert/strict';
import { called, expectFocus, heading, press, signIn, tabTo, type } from './keyboard.mjs';
import { until } from './stage.mjs';

const h1 = (page, name) => page.getByRole('heading', { name, level: 1 });
const time = (page) => page.evaluate(() => document.querySelector('video')?.currentTime ?? 0);

async function expectMoving(page, seconds) {
  const before = await time(page);
  await until(`${seconds} s have played`, async () => (await time(page)) >= before + seconds);
}

/** An invitation survives signing up; with the keyboard alone, a stranger becomes a learner. */
export async function joinByInvitation(world) {
  const { stage, course, code } = world;
  // Without a sign-in, the course is not shown.
  // What an enrolment opens may be known a moment later elsewhere.
  stage.allow(/status of (401|403|404)/);
  const page = await stage.person();
  stage.withoutMouse(page);
  const pupil = { email: `pupil-${Date.now().toString(36)}@example.org`, password: 'a pupil who likes graphs', name: 'Pia Pupil' };
  await page.goto(`${stage.base}/courses/${course}?code=${code}`);
  await page.getByText('You are invited to a course.').waitFor();
  await stage.expectAccessible(page, 'an invitation');
  await press(page, 'Sign up');
  await h1(page, 'Sign up').waitFor();
  await type(page, 'Name', pupil.name);
  await type(page, 'E-mail address', pupil.email);
  await type(page, 'Password', pupil.password);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'You are invited' }).waitFor();
  assert.equal(await page.getByLabel('Code').count(), 0, 'the link brings the code');
  await stage.expectAccessible(page, 'a course to join');
  await press(page, 'Enrol');
  await h1(page, 'Linear algebra 1').waitFor();
  await expectFocus(page, 'the lecture', heading);
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
  await stage.expectAccessibleEverywhere(page, 'a lecture of a course that was joined');
  Object.assign(world, { pupil, pupilPage: page });
}

/** With the keyboard alone, a learner leaves the course, finds it again, and enrols with the code. */
export async function leaveAndEnrolByCode({ stage, code, pupilPage: page }) {
  stage.allow(/status of (403|404)/);
  await press(page, 'Leave this course');
  await page.getByRole('dialog').waitFor();
  await press(page, 'Leave this course');
  await h1(page, 'Courses').waitFor();
  await expectFocus(page, 'the list of courses', heading);
  await type(page, 'Search courses', 'graph');
  await page.getByText('1 course shown').waitFor();
  await press(page, 'Graph theory');
  await page.getByRole('heading', { name: 'Join this course' }).waitFor();
  await type(page, 'Code', 'WRONG222');
  await page.keyboard.press('Enter');
  await page.getByText('This isn’t the code of this course.').waitFor();
  await expectFocus(page, 'what was wrong', called('Code'));
  await page.keyboard.type(code.toLowerCase());
  await page.keyboard.press('Enter');
  await h1(page, 'Linear algebra 1').waitFor();
  await expectFocus(page, 'the lecture', heading);
  // Until the service of lectures has heard of the enrolment, it refuses the lecture, which the browser logs.
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
}

/** A learner watches, closes the browser, and goes on in another one where they stopped. */
export async function resumeInAnotherBrowser(world) {
  const { stage, course, pupil, pupilPage: page } = world;
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
  // The heading has the focus, and the player's keys work there.
  await page.keyboard.press('k');
  await expectMoving(page, 2);
  await page.keyboard.press('3');
  await until('at three tenths', async () => (await time(page)) >= 30);
  await expectMoving(page, 3);
  await page.keyboard.press('k');
  const stopped = await time(page);
  // What is sent on closing arrives while the browser is gone.
  await page.close();

  const later = await stage.person();
  stage.withoutMouse(later);
  await signIn(later, `${stage.base}/`, pupil);
  await h1(later, 'Courses').waitFor();
  await later.getByRole('link', { name: 'Graph theory' }).waitFor();
  await press(later, 'Graph theory');
  await h1(later, 'Linear algebra 1').waitFor();
  await later.getByText(/Resumed at 0:3/).waitFor();
  await until('the picture is there', () => later.evaluate(() => document.querySelector('video').readyState >= 2));
  assert.ok(Math.abs((await time(later)) - stopped) <= 2, `resumed at ${await time(later)}, stopped at ${stopped}`);
  await stage.picture(later, 'course');
  await stage.expectAccessibleEverywhere(later, 'a lecture that was resumed');
  await page.context().close();
  world.pupilPage = later;
  assert.ok(later.url().includes(`/courses/${course}/items/`));
}

/** At the end, the next lecture is offered, and comes by itself unless it is stopped; what fills the screen goes on to do so. */
export async function goOnWithTheNextLecture({ stage, pupilPage: page }) {
  const toTheEnd = async () => {
    await tabTo(page, called('Position'), true);
    await page.keyboard.press('End');
    await page.getByText('Up next').waitFor();
  };
  const fills = () =>
    page.evaluate(() => {
      const { width, height } = document.querySelector('video').getBoundingClientRect();
      return document.fullscreenElement !== null && width === window.innerWidth && height === window.innerHeight;
    });
  await page.keyboard.press('k');
  await expectMoving(page, 1);
  await toTheEnd();
  await stage.expectAccessible(page, 'the end of a lecture');
  await page.keyboard.press('Escape');
  await until('it is stopped', async () => (await page.getByText('Up next').count()) === 0);
  await h1(page, 'Linear algebra 1').waitFor();
  await page.keyboard.press('f');
  await until('it fills the screen', fills);
  await page.keyboard.press('n');
  await h1(page, 'Other lecture').waitFor();
  await expectMoving(page, 1);
  assert.ok(await fills(), 'the next lecture fills the screen');
  await toTheEnd();
  await h1(page, 'Planar graphs').waitFor({ timeout: 20_000 });
  await expectMoving(page, 1);
  assert.ok(await fills(), 'so does one that comes by itself');
  await page.keyboard.press('f');
  await until('it is back on the page', () => page.evaluate(() => document.fullscreenElement === null));
}

/** Controls hide during playback although keys were pressed, and come back with the pointer. */
export async function hideTheControls({ stage, pupilPage: page }) {
  stage.withMouse(page);
  await page.getByRole('link', { name: 'Linear algebra 1' }).click();
  await expectMoving(page, 1);
  const opacity = () => page.evaluate(() => getComputedStyle(document.querySelector('.controls')).opacity);
  await page.locator('video').click();
  await page.locator('video').click();
  await page.keyboard.press('j');
  await page.getByText('−10 s').waitFor();
  await page.mouse.move(2, 2);
  await until('the controls are hidden', async () => (await opacity()) === '0', 10);
  await page.locator('video').hover();
  await until('the controls are back', async () => (await opacity()) === '1', 10);
}

/** Among their courses, learners read how many lectures they have completed. */
export async function readHowFar({ stage, course, pupil }) {
  const { email, password } = pupil;
  const headers = { 'content-type': 'application/json' };
  const ask = async (path, body) => {
    const method = body === undefined ? 'GET' : 'POST';
    const reply = await fetch(`${stage.base}/api/v1${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    assert.ok(reply.ok, `${path}: ${reply.status}`);
    return reply.status === 204 ? null : reply.json();
  };
  headers.authorization = `Bearer ${(await ask('/users/login', { email, password })).access_token}`;
  const { items, completed, of } = await ask(`/courses/${course}/progress`);
  assert.ok(completed < of, `${completed} of ${of} are completed already`);

  const page = await stage.person();
  await signIn(page, `${stage.base}/`, pupil);
  const card = page.getByRole('listitem').filter({ has: page.getByRole('link', { name: 'Graph theory' }) }).first();
  const reads = (done) => card.getByText(done === of ? 'All lectures completed' : `${done} of ${of} lectures completed`).waitFor();
  await reads(completed);
  const { content_id: lecture } = items.find((item) => !item.completed);
  const { duration } = await ask(`/content/${lecture}`);
  await ask(`/content/${lecture}/watch`, { position: duration, intervals: [[0, duration]] });
  await page.reload();
  await reads(completed + 1);
  await stage.expectAccessible(page, 'courses with progress');
  await page.context().close();
}

/** With the keyboard alone, a teacher removes a learner, who stops watching, and no longer finds the course. */
export async function removeALearner({ stage, course, pupil, pupilPage, teacherPage: page }) {
  // The next report and the next segments are refused, and so is reopening.
  stage.allow(/status of (403|404)/);
  await page.goto(`${stage.base}/courses/${course}/members`);
  await page.getByText(pupil.name).waitFor();
  await stage.expectAccessible(page, 'members');
  await stage.picture(page, 'members');
  stage.withoutMouse(page);
  if (await pupilPage.evaluate(() => document.querySelector('video').paused)) await pupilPage.keyboard.press('k');
  await press(page, `Remove ${pupil.name}`);
  await page.getByRole('dialog').waitFor();
  await press(page, 'Remove');
  await until('the member is gone', async () => (await page.getByRole('button', { name: `Remove ${pupil.name}` }).count()) === 0);
  await expectFocus(page, 'the heading, since the button is gone', heading);
  // The player stops by itself, although it has loaded more, and says why.
  await pupilPage.locator('.trouble').getByText(/removed from its course/).waitFor({ timeout: 30_000 });
  assert.ok(await pupilPage.evaluate(() => document.querySelector('video').paused), 'it plays no more');
  await pupilPage.reload();
  await pupilPage.getByRole('heading', { name: /Join this course|Course not found/ }).waitFor();
  await pupilPage.context().close();
}

/** A pasted list is answered line by line. */
export async function addPeople({ stage, course, learner, teacherPage: page }) {
  stage.withMouse(page);
  await page.goto(`${stage.base}/courses/${course}/members`);
  await page.getByLabel('E-mail addresses').fill(`Lena <${learner.email}>\nnobody@example.org\nnot an address`);
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('heading', { name: 'What became of each line' }).waitFor();
  await page.getByText('Has no account: send the invitation link').waitFor();
  await page.getByText('Isn’t an e-mail address').waitFor();
  assert.equal(await page.getByLabel('E-mail addresses').inputValue(), 'nobody@example.org\nnot an address', 'what went wrong stays');
  await page.getByLabel(`Role of ${learner.name}`).selectOption('Assistant');
  await page.locator('.toast').getByText(`${learner.name} is now: Assistant.`).waitFor();
  await page.context().close();
}
