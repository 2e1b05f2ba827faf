import assert from 'node:assert/strict';
import { tabTo } from './accounts.mjs';
import { until } from './stage.mjs';

const h1 = (page, name) => page.getByRole('heading', { name, level: 1 });
const time = (page) => page.evaluate(() => document.querySelector('video')?.currentTime ?? 0);
const press = (name) => `(element) => element.textContent?.trim() === ${JSON.stringify(name)}`;

async function expectMoving(page, seconds) {
  const before = await time(page);
  await until(`${seconds} s have played`, async () => (await time(page)) >= before + seconds);
}

/** An invitation survives signing up; by keyboard, a stranger becomes a learner who watches. */
export async function joinByInvitation(world) {
  const { stage, course, code } = world;
  // Without a sign-in, the course is not shown.
  // What an enrolment opens may be known a moment later elsewhere.
  stage.allow(/status of (401|403|404)/);
  const page = await stage.person();
  const pupil = { email: `pupil-${Date.now().toString(36)}@example.org`, password: 'a pupil who likes graphs', name: 'Pia Pupil' };
  await page.goto(`${stage.base}/courses/${course}?code=${code}`);
  await page.getByText('You are invited to a course.').waitFor();
  await stage.expectAccessible(page, 'an invitation');
  await tabTo(page, press('Sign up'));
  await page.keyboard.press('Enter');
  await h1(page, 'Sign up').waitFor();
  await page.getByLabel('Name').fill(pupil.name);
  await page.getByLabel('E-mail address').fill(pupil.email);
  await page.getByLabel('Password', { exact: true }).fill(pupil.password);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'You are invited' }).waitFor();
  assert.equal(await page.getByLabel('Code').count(), 0, 'the link brings the code');
  await stage.expectAccessible(page, 'a course to join');
  await tabTo(page, press('Enrol'));
  await page.keyboard.press('Enter');
  await h1(page, 'Linear algebra 1').waitFor();
  Object.assign(world, { pupil, pupilPage: page });
}

/** A learner watches, closes the browser, and goes on in another one where they stopped. */
export async function resumeInAnotherBrowser(world) {
  const { stage, course, pupil, pupilPage: page } = world;
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
  // The heading has the focus, and the player's keys work there.
  await page.locator('h1').focus();
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
  await stage.signIn(later, pupil);
  await later.getByRole('link', { name: 'Graph theory' }).first().click();
  await h1(later, 'Linear algebra 1').waitFor();
  await later.getByText(/Resumed at 0:3/).waitFor();
  await until('the picture is there', () => later.evaluate(() => document.querySelector('video').readyState >= 2));
  assert.ok(Math.abs((await time(later)) - stopped) <= 2, `resumed at ${await time(later)}, stopped at ${stopped}`);
  await stage.picture(later, 'course');
  await page.context().close();
  world.pupilPage = later;
  assert.ok(later.url().includes(`/courses/${course}/items/`));
}

/** At the end, the next lecture is offered, and comes by itself unless it is stopped. */
export async function goOnWithTheNextLecture({ stage, pupilPage: page }) {
  await page.locator('h1').focus();
  await page.keyboard.press('k');
  await expectMoving(page, 1);
  const toTheEnd = () => page.evaluate(() => (document.querySelector('video').currentTime = document.querySelector('video').duration - 1));
  await toTheEnd();
  await page.getByText('Up next').waitFor();
  await stage.expectAccessible(page, 'the end of a lecture');
  await page.keyboard.press('Escape');
  await until('it is stopped', async () => (await page.getByText('Up next').count()) === 0);
  await h1(page, 'Linear algebra 1').waitFor();
  await page.locator('h1').focus();
  await page.keyboard.press('n');
  await h1(page, 'Other lecture').waitFor();
  await expectMoving(page, 1);
  await toTheEnd();
  await h1(page, 'Third lecture').waitFor({ timeout: 20_000 });
  await expectMoving(page, 1);
}

/** Controls hide during playback although keys were pressed, and come back with the pointer. */
export async function hideTheControls({ pupilPage: page }) {
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

/** A learner who is removed stops watching, and no longer finds the course. */
export async function removeALearner({ stage, course, pupil, pupilPage, teacherPage: page }) {
  // The next segments are refused, and so is reopening.
  stage.allow(/status of (403|404)/);
  await page.goto(`${stage.base}/courses/${course}/members`);
  await page.getByText(pupil.name).waitFor();
  await stage.expectAccessible(page, 'members');
  await stage.picture(page, 'members');
  await pupilPage.evaluate(() => void document.querySelector('video').play());
  await page.getByRole('button', { name: `Remove ${pupil.name}` }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await until('the member is gone', async () => (await page.getByRole('button', { name: `Remove ${pupil.name}` }).count()) === 0);
  // What is loaded already still plays; the player needs another segment.
  await pupilPage.locator('h1').focus();
  await pupilPage.keyboard.press('9');
  await pupilPage.locator('.trouble').waitFor({ timeout: 30_000 });
  await pupilPage.reload();
  await pupilPage.getByRole('heading', { name: /Join this course|Course not found/ }).waitFor();
  await pupilPage.context().close();
}

/** A pasted list is answered line by line. */
export async function addPeople({ stage, course, learner, teacherPage: page }) {
  await page.goto(`${stage.base}/courses/${course}/members`);
  await page.getByLabel('E-mail addresses').fill(`Lena <${learner.email}>\nnobody@example.org\nnot an address`);
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('heading', { name: 'What became of each line' }).waitFor();
  await page.getByText('Has no account: send the invitation link').waitFor();
  await page.getByText('Isn’t an e-mail address').waitFor();
  assert.equal(await page.getByLabel('E-mail addresses').inputValue(), 'nobody@example.org\nnot an address', 'what went wrong stays');
  await page.getByLabel(`Role of ${learner.name}`).selectOption('Assistant');
  await page.locator('.toast').getByText(`${learner.name} is now: Assistant.`).waitFor();
}
