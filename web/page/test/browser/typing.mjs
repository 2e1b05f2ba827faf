import assert from 'node:assert/strict';
import { until } from './stage.mjs';

const dialogs = (page) => page.getByRole('dialog');
const description = (page) => page.getByRole('textbox', { name: 'Description' });

/** Ends every sign-in of an account, as its owner does from another device. */
async function signOutElsewhere(stage, account) {
  const device = await stage.person();
  await stage.signIn(device, account);
  await device.getByRole('link', { name: 'Account' }).click();
  await device.getByRole('button', { name: 'Sign out everywhere' }).click();
  await device.getByRole('heading', { name: 'Sign in', level: 1 }).waitFor();
  await device.context().close();
}

async function signInOverThePage(page, { password }) {
  const question = page.getByRole('dialog', { name: 'You have been signed out' });
  await question.getByLabel('Password', { exact: true }).fill(password);
  await question.getByRole('button', { name: 'Sign in' }).click();
  await question.waitFor({ state: 'detached' });
}

/** A drag, a click beside the dialog, Escape and a reload keep what was typed, unless it is discarded on purpose. */
export async function keepWhatWasTyped({ stage, page }) {
  await page.getByRole('button', { name: 'Edit' }).click();
  await until('the first field has the focus', () => page.evaluate(() => document.activeElement?.getAttribute('name') === 'title'));
  await page.keyboard.press('Escape');
  await until('nothing was typed, so nothing is asked', async () => (await dialogs(page).count()) === 0);
  await page.getByRole('button', { name: 'Edit' }).click();
  await description(page).fill('Typed with care');
  const box = await description(page).boundingBox();
  await page.mouse.move(box.x + 60, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(5, box.y + 20, { steps: 5 });
  await page.mouse.up();
  assert.equal(await description(page).inputValue(), 'Typed with care', 'a drag out of the dialog');
  assert.equal(await page.getByText('Discard changes?').count(), 0, 'a drag is no question');
  await page.mouse.move(5, 5);
  await page.mouse.down();
  await page.mouse.move(box.x + 60, box.y + 20, { steps: 5 });
  await page.mouse.up();
  assert.equal(await page.getByText('Discard changes?').count(), 0, 'neither is one into it');
  await page.mouse.click(5, 5);
  await page.getByRole('heading', { name: 'Discard changes?' }).waitFor();
  await stage.expectAccessible(page, 'a question about changes');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent?.trim()), 'Keep editing', 'the focus destroys nothing');
  await page.getByRole('button', { name: 'Keep editing' }).click();
  // Each second Escape answers the question; browsers close a dialog on their own when it is pressed repeatedly.
  for (let presses = 0; presses < 6; presses += 1) await page.keyboard.press('Escape');
  assert.equal(await description(page).inputValue(), 'Typed with care', 'Escape, repeatedly');
  await page.reload();
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.getByText('These are your changes from before').waitFor();
  assert.equal(await description(page).inputValue(), 'Typed with care', 'a reload');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Discard', exact: true }).click();
  await until('it is closed', async () => (await dialogs(page).count()) === 0);
  await page.getByRole('button', { name: 'Edit' }).click();
  assert.notEqual(await description(page).inputValue(), 'Typed with care', 'discarded on purpose');
  await page.getByRole('button', { name: 'Cancel' }).click();
}

/** Somebody who was signed out from elsewhere signs in over the page, and what they did then happens, in every form. */
export async function signInAgainOverThePage({ stage, page, instructor, admin, learner }) {
  stage.allow(/status of (400|401|403)/);
  await page.getByRole('button', { name: 'Edit' }).click();
  await description(page).fill('Saved in spite of all');
  await signOutElsewhere(stage, instructor);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('dialog', { name: 'You have been signed out' }).waitFor();
  await stage.expectAccessible(page, 'a sign-in over the page');
  await stage.picture(page, 'sign-in-over-the-page');
  for (let presses = 0; presses < 3; presses += 1) await page.keyboard.press('Escape');
  await page.mouse.click(5, 5);
  await signInOverThePage(page, instructor);
  await until('it is saved', async () => (await dialogs(page).count()) === 0);
  await page.locator('.description').getByText('Saved in spite of all').waitFor();

  await page.getByRole('link', { name: 'Account' }).click();
  const name = page.getByLabel('Name');
  const before = await name.inputValue();
  await name.fill('Ina Structor');
  await signOutElsewhere(stage, instructor);
  await page.getByRole('button', { name: 'Save' }).click();
  await signInOverThePage(page, instructor);
  await page.getByText('Saved.', { exact: true }).waitFor();
  await name.fill(before);
  await page.getByRole('button', { name: 'Save' }).click();
  await until('the old name is back', async () => (await page.getByText('Saved.', { exact: true }).count()) === 1);

  const office = await stage.person();
  await stage.signIn(office, admin);
  await office.getByRole('link', { name: 'People' }).click();
  await office.getByRole('searchbox').fill(learner.email);
  await office.getByRole('button', { name: 'Find' }).click();
  await office.getByLabel('Instructor').check();
  await signOutElsewhere(stage, admin);
  await office.getByRole('button', { name: /Save/ }).click();
  await signInOverThePage(office, admin);
  await office.getByText('Saved.', { exact: true }).waitFor();
  await office.getByLabel('Instructor').uncheck();
  await office.getByRole('button', { name: /Save/ }).click();
  await office.getByText('Saved.', { exact: true }).waitFor();
  await office.context().close();
}
