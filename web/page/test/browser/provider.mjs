import assert from 'node:assert/strict';
import { called, expectFocus, press, type } from './keyboard.mjs';

const school = 'Continue with Example School';
const h1 = (page, name) => page.getByRole('heading', { name, level: 1 });
const link = (page) => page.getByRole('link', { name: school });
const account = (page) => h1(page, 'Account');

/** Goes through the provider's pages, whichever it shows: it may still know the person. */
async function passTheProvider(page, name, arrived) {
  const login = h1(page, 'School sign-in');
  const consent = h1(page, 'Share your name and address?');
  for (;;) {
    await login.or(consent).or(arrived).first().waitFor();
    if (await arrived.isVisible()) return;
    if (await login.isVisible()) {
      await type(page, 'User name', name);
      await type(page, 'Password', 'any');
      await page.keyboard.press('Enter');
      await login.waitFor({ state: 'detached' });
    } else {
      await press(page, 'Allow');
      await consent.waitFor({ state: 'detached' });
    }
  }
}

/** Signs in with the keyboard alone, on the way to the account; returns the account as the server describes it. */
async function signIn({ stage }, page, name) {
  await page.goto(`${stage.base}/account`);
  return goOn(page, name);
}

async function goOn(page, name) {
  await h1(page, 'Sign in').waitFor();
  await link(page).waitFor();
  // The page to which the browser comes back asks for the token.
  const token = page.waitForResponse((response) => response.url().endsWith('/users/token') && response.ok());
  await press(page, school);
  await passTheProvider(page, name, account(page));
  const { user } = await (await token).json();
  return user;
}

/** What is said about a failed sign-in. */
const note = (page, text) => page.getByRole('alert').getByText(text);

/** Without the list of providers, or before it comes, the form works, and the list moves nothing. */
export async function useTheFormWithoutTheList({ stage }) {
  stage.allow(/ERR_FAILED/);
  const page = await stage.person();
  const list = '**/api/v1/users/providers';
  await page.route(list, (route) => route.abort(), { times: 1 });
  await page.goto(`${stage.base}/`);
  await page.waitForLoadState('networkidle');
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  assert.equal(await link(page).count(), 0);
  assert.equal(await page.getByRole('alert').getByText(/./).count(), 0, 'nothing is said about it');

  let release;
  const released = new Promise((resolve) => (release = resolve));
  await page.route(list, async (route) => route.continue(await released), { times: 1 });
  await page.reload();
  await page.getByLabel('E-mail address').fill('ada@example.org');
  const places = () =>
    page.evaluate(() => [...document.querySelectorAll('main h1, main form, main input, main button, main p > a')].map((each) => each.getBoundingClientRect().top));
  const before = await places();
  release();
  await link(page).waitFor();
  assert.deepEqual(await places(), before, 'nothing has moved');
  assert.equal(await page.getByLabel('E-mail address').inputValue(), 'ada@example.org');
  await page.context().close();
}

/** With the keyboard alone, somebody signs in with a provider and gets to the page that they opened. */
export async function signInWithAProvider(world) {
  const { stage } = world;
  const page = await stage.person();
  stage.withoutMouse(page);
  await page.goto(`${stage.base}/account`);
  await link(page).waitFor();
  await stage.expectAccessible(page, 'a sign-in page with a provider');
  world.user = await goOn(page, 'ada');
  assert.deepEqual([world.user.has_password, world.user.email], [false, 'ada@school.example']);
  await page.getByText('Signed in as ada@school.example').waitFor();
  await page.getByText('This account has no password').waitFor();
  assert.equal(await page.locator('input[type=password]').count(), 0, 'there is no password to change');
  assert.equal(page.url(), `${stage.base}/account`);
  await stage.expectAccessible(page, 'an account without a password');
  assert.deepEqual(await page.evaluate(() => Object.values(localStorage)), ['1'], 'no token in storage');
  await page.reload();
  await account(page).waitFor();
  world.page = page;
}

/** The provider has another key from now on; the account stays the same. */
export async function signInAfterItsKeyHasChanged(world) {
  const { stage, control, page, user } = world;
  await press(page, 'Sign out');
  await h1(page, 'Sign in').waitFor();
  const rotated = await fetch(`${control}/rotate`, { method: 'POST' });
  assert.equal(rotated.status, 200);
  const again = await signIn(world, page, 'ada');
  assert.equal(again.id, user.id);
  assert.equal(page.url(), `${stage.base}/account`);
}

/** Presses the link of the question over the page, and signs in in the tab that it opens. */
async function signInInANewTab(page, name) {
  const [tab] = await Promise.all([page.context().waitForEvent('page'), press(page, school)]);
  const passed = passTheProvider(tab, name, h1(tab, 'You are signed in again'));
  // The tab closes itself where the browser lets it.
  await passed.catch((error) => assert.ok(tab.isClosed(), error.stack));
  await tab.close();
  await page.bringToFront();
}

/** Takes pictures of what is shown, on a phone and on a larger screen. */
async function lookAt(stage, page, name) {
  for (const width of [360, 1100]) {
    await page.setViewportSize({ width, height: 800 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(wide <= 0, `${name}, ${width} px: ${wide} px too wide`);
    await stage.picture(page, `${name}-${width}`);
  }
}

/** What somebody types stays while they confirm in another tab who they are. */
export async function confirmInAnotherTab({ stage, page }) {
  stage.allow(/status of 401/);
  // A sign-in counts as recent for ten minutes; a faked response demands a new one at once, and real ones follow.
  const old = { status: 401, contentType: 'application/problem+json', body: '{"code":"reauthentication_required","detail":"old"}' };
  await page.route('**/profile/update', (route) => route.fulfill(old), { times: 1 });
  await type(page, 'Name', 'Ada Confirmed');
  await page.keyboard.press('Enter');
  const question = page.getByRole('dialog', { name: 'Please confirm that it’s you' });
  await question.waitFor();
  await expectFocus(page, 'the link to the provider', called(school));
  assert.equal(await question.locator('input').count(), 0);
  await stage.expectAccessible(page, 'the question for somebody without a password');
  await lookAt(stage, page, 'provider-question');
  const failed = await stage.tab(page.context());
  const end = encodeURIComponent('/sign-in?next=%2Fsigned-in&from=school');
  await failed.goto(`${stage.base}/?sign_in_problem=sign_in_cancelled&provider=school&return_to=${end}`);
  await h1(failed, 'You were not signed in again').waitFor();
  await note(failed, 'The sign-in was cancelled').waitFor();
  await stage.expectAccessible(failed, 'a failed confirmation');
  await lookAt(stage, failed, 'provider-not-again');
  await failed.close();
  assert.ok(await question.isVisible(), 'the question stays');
  await signInInANewTab(page, 'ada');
  await question.waitFor({ state: 'detached' });
  await page.getByText('Saved.', { exact: true }).waitFor();
}

/** Somebody who was signed out from another device signs in over the page, and what they did then happens. */
export async function comeBackAfterASignOutElsewhere(world) {
  const { stage, page } = world;
  stage.allow(/status of (400|401)/);
  const device = await stage.person();
  await signIn(world, device, 'ada');
  await press(device, 'Sign out everywhere');
  await h1(device, 'Sign in').waitFor();
  await device.context().close();
  await type(page, 'Name', 'Ada Returned', true);
  await page.keyboard.press('Enter');
  const question = page.getByRole('dialog', { name: 'You have been signed out' });
  await question.waitFor();
  await stage.expectAccessible(page, 'a lost sign-in of somebody without a password');
  await lookAt(stage, page, 'provider-lost-sign-in');
  await signInInANewTab(page, 'ada');
  await question.waitFor({ state: 'detached' });
  await page.getByText('Saved.', { exact: true }).waitFor();
  assert.equal(await page.getByLabel('Name').inputValue(), 'Ada Returned');
}

/** Somebody who says no at the provider learns that nothing has happened, and can go on. */
export async function cancelAtTheProvider({ stage }) {
  const page = await stage.person();
  stage.withoutMouse(page);
  await page.goto(`${stage.base}/account`);
  await link(page).waitFor();
  await press(page, school);
  await h1(page, 'School sign-in').waitFor();
  await press(page, 'Cancel');
  await note(page, 'The sign-in was cancelled').waitFor();
  assert.equal(page.url(), `${stage.base}/sign-in?next=%2Faccount`, 'the address says nothing about it');
  await stage.expectAccessible(page, 'a cancelled sign-in');
  await goOn(page, 'ada');
  await press(page, 'Sign out');
  await h1(page, 'Sign in').waitFor();
  assert.equal(await note(page, /./).count(), 0, 'the note belongs to that sign-in alone');
  await page.context().close();
}

/** An account may have no address; it begins on the page for signing up. */
export async function signUpWithoutAnAddress({ stage }) {
  const page = await stage.person();
  stage.withoutMouse(page);
  await page.goto(`${stage.base}/sign-up?next=%2Faccount`);
  await link(page).waitFor();
  await stage.expectAccessible(page, 'a sign-up page with a provider');
  await press(page, school);
  await passTheProvider(page, 'nobody-bo', account(page));
  await page.getByText('Signed in as Nobody-bo, no e-mail address').waitFor();
  await page.context().close();
}

/** Somebody who left comes back through the provider. */
export async function restoreADeactivatedAccount({ stage, page, user }) {
  stage.allow(/status of (401|403)/);
  await press(page, 'Deactivate account…');
  await press(page, 'Deactivate');
  await page.getByText('Your account is deactivated.').waitFor();
  await press(page, school);
  const restore = page.getByRole('link', { name: 'Restore my account' });
  await passTheProvider(page, 'ada', restore);
  await note(page, 'This account is deactivated.').waitFor();
  await stage.expectAccessible(page, 'a deactivated account');
  const answer = page.waitForResponse((response) => response.url().endsWith('/users/token') && response.ok());
  await press(page, 'Restore my account');
  await passTheProvider(page, 'ada', account(page));
  assert.equal((await (await answer).json()).user.id, user.id);
  await page.context().close();
}

const problems = ['sign_in_cancelled', 'sign_in_expired', 'provider_unavailable', 'provider_failed', 'account_deactivated', 'storage_full', 'unavailable'];

/**
 * Checks what a provider adds to the page at two widths, in light and in dark. The notes on what went wrong differ in a
 * sentence: but for the full run, only the first of them is looked at in each way.
 */
export async function lookAtProviders({ stage, page: signedIn }) {
  const page = await stage.person();
  for (const width of [360, 1100]) {
    for (const colorScheme of ['light', 'dark']) {
      for (const each of [page, signedIn]) {
        await each.setViewportSize({ width, height: 800 });
        await each.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      }
      const look = async (seen, name) => {
        await stage.expectAccessible(seen, `${name}, ${width} px, ${colorScheme}`);
        const wide = await seen.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(wide <= 0, `${name}, ${width} px: ${wide} px too wide`);
        await stage.picture(seen, `${name}-${width}-${colorScheme}`);
      };
      for (const [name, path] of [['provider-sign-in', '/sign-in'], ['provider-sign-up', '/sign-up']]) {
        await page.goto(`${stage.base}${path}`);
        await link(page).waitFor();
        await look(page, name);
      }
      const isEach = process.env.MOOCFLIX_TEST_LONG !== undefined || (width === 360 && colorScheme === 'light');
      for (const code of isEach ? problems : problems.slice(0, 1)) {
        await page.goto(`${stage.base}/?sign_in_problem=${code}&provider=school&return_to=%2Fsign-in%3Fnext%3D%252Faccount%26from%3Dschool`);
        await link(page).waitFor();
        await note(page, /./).first().waitFor();
        await look(page, `provider-${code}`);
      }
      // Colours that change with the kind would still be on their way.
      await signedIn.reload();
      await account(signedIn).waitFor();
      await look(signedIn, 'provider-account');
    }
  }
  await page.reload();
  await link(page).waitFor();
  assert.equal(await note(page, /./).count(), 0, 'the note is shown once');
  await page.context().close();
  await signedIn.setViewportSize({ width: 1200, height: 800 });
}
