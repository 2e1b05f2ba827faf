import assert from 'node:assert/strict';
import { heading, expectFocus, press, signIn } from './keyboard.mjs';
import { until } from './stage.mjs';

const h1 = (page, name) => page.getByRole('heading', { name, level: 1 });

export async function signUpAsLearner(world) {
  const { stage, learner } = world;
  const page = await stage.person();
  await page.goto(`${stage.base}/sign-up`);
  await stage.expectAccessible(page, 'sign-up');
  await page.getByRole('button', { name: 'Create account' }).click();
  assert.equal(await page.getByLabel('Name').getAttribute('aria-invalid'), 'true');
  assert.ok(await page.getByLabel('Name').evaluate((field) => field === document.activeElement), 'the first wrong field has the focus');
  await page.getByLabel('Name').fill(learner.name);
  await page.getByLabel('E-mail address').fill(learner.email);
  await page.getByLabel('Password', { exact: true }).fill(learner.password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByText('You haven’t joined a course yet').waitFor();
  assert.equal(await page.title(), 'Courses · MoocFlix');
  assert.equal(await page.getByRole('link', { name: 'Upload' }).count(), 0, 'no upload for learners');
  await page.reload();
  await page.getByText('You haven’t joined a course yet').waitFor();
  assert.deepEqual(await page.evaluate(() => Object.values(localStorage)), ['1'], 'no token in storage');
  assert.equal(await page.evaluate(() => document.cookie), '', 'no cookie that scripts can read');
  await expectSilence(page);
  world.learnerPage = page;
}

export async function refuseWrongPassword({ stage, learner }) {
  stage.allow(/status of (401|409)/);
  const page = await stage.person();
  await page.goto(`${stage.base}/`);
  await page.getByLabel('E-mail address').fill(learner.email);
  await page.getByLabel('Password', { exact: true }).fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').getByText(/password/i).waitFor();
  await until('the password can be typed again at once', () => page.evaluate(() => document.activeElement?.getAttribute('name') === 'password'));
  await page.goto(`${stage.base}/sign-up`);
  await page.getByLabel('Name').fill('Another');
  await page.getByLabel('E-mail address').fill(learner.email);
  await page.getByLabel('Password', { exact: true }).fill(learner.password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await until('the field shows that the address is taken', () => page.getByLabel('E-mail address').getAttribute('aria-invalid'));
  await page.getByRole('status').getByRole('link', { name: 'Sign in' }).click();
  await h1(page, 'Sign in').waitFor();
  assert.equal(await page.getByLabel('E-mail address').inputValue(), learner.email, 'the address is carried over');
  await page.context().close();
}

export async function signInByKeyboardAlone(world) {
  const { stage, instructor } = world;
  const page = await stage.person();
  stage.withoutMouse(page);
  // The address stays while somebody signs in.
  await signIn(page, `${stage.base}/account`, instructor);
  await h1(page, 'Account').waitFor();
  await expectFocus(page, 'the new page', heading);
  await press(page, 'Courses', true);
  await h1(page, 'Courses').waitFor();
  assert.ok(page.url().endsWith('/'));
  stage.withMouse(page);
  world.page = page;
}

/** A page without work in progress sends no requests. */
async function expectSilence(page) {
  const asked = [];
  const note = (request) => asked.push(request.url());
  await page.waitForLoadState('networkidle');
  page.on('request', note);
  await page.waitForTimeout(4000);
  page.off('request', note);
  assert.deepEqual(asked, [], 'requests without a reason');
}

export async function givePeopleRoles({ stage, admin, learner, learnerPage }) {
  const page = await stage.person();
  await stage.signIn(page, admin);
  await page.getByRole('link', { name: 'People' }).click();
  await page.getByRole('searchbox').fill(learner.email.slice(0, -4));
  await page.getByRole('button', { name: 'Find' }).click();
  const person = page.getByRole('listitem').filter({ hasText: learner.email });
  await person.getByLabel('Instructor').check();
  await person.getByRole('button', { name: /Save/ }).click();
  await person.getByText('Saved.').waitFor();
  await page.context().close();
  // The browser logs the one refusal of the token with the old roles.
  stage.allow(/status of 401/);
  await learnerPage.getByRole('link', { name: 'Account' }).click();
  await learnerPage.getByRole('link', { name: 'Courses' }).click();
  await learnerPage.getByRole('button', { name: 'New course' }).waitFor();
  await learnerPage.getByRole('navigation').getByRole('link', { name: 'Upload' }).waitFor();
}

export async function signOutInAllTabs({ stage, page }) {
  const other = await stage.tab(page.context());
  await other.goto(`${stage.base}/account`);
  await h1(other, 'Account').waitFor();
  await stage.signOut(page);
  await h1(other, 'Sign in').waitFor();
  await other.close();
}

export async function changePasswordLeaveAndComeBack({ stage, learner, learnerPage: page }) {
  stage.allow(/status of (401|403)/);
  await page.getByRole('link', { name: 'Account' }).click();
  await page.getByLabel('Current password').fill('not the password');
  await page.getByLabel('New password').fill('another quiet sentence');
  await page.getByRole('button', { name: 'Change password' }).click();
  await until('the field shows that the password is wrong', () => page.getByLabel('Current password').getAttribute('aria-invalid'));
  // A sign-in counts as recent for ten minutes; a faked response demands a new one at once, and real ones follow.
  const old = { status: 401, contentType: 'application/problem+json', body: '{"code":"reauthentication_required","detail":"old"}' };
  await page.route('**/password/change', (route) => route.fulfill(old), { times: 1 });
  await page.getByLabel('Current password').fill(learner.password);
  await page.getByRole('button', { name: 'Change password' }).click();
  const question = page.getByRole('dialog');
  await stage.expectAccessible(page, 'the sign-in dialog');
  await question.getByLabel('Password', { exact: true }).fill(learner.password);
  await question.getByRole('button', { name: 'Confirm' }).click();
  await page.getByText('Your password has been changed.').waitFor();
  await page.getByRole('button', { name: 'Deactivate account…' }).click();
  await page.getByRole('button', { name: 'Deactivate', exact: true }).click();
  await page.getByText('Your account is deactivated.').waitFor();
  await page.getByLabel('E-mail address').fill(learner.email);
  await page.getByLabel('Password', { exact: true }).fill('another quiet sentence');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Restore it and sign in' }).click();
  await h1(page, 'Account').waitFor();
  await stage.signOut(page);
}
