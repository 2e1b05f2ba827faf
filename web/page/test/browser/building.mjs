import assert from 'node:assert/strict';
import { tabTo } from './accounts.mjs';
import { until } from './stage.mjs';

const h1 = (page, name) => page.getByRole('heading', { name, level: 1 });
const module = (page, title) => page.getByRole('region', { name: `Module “${title}”` });
const press = (name) => `(element) => element.getAttribute('aria-label') === ${JSON.stringify(name)} || element.textContent?.trim() === ${JSON.stringify(name)}`;

/** The lectures of the outline in their order, each module as one text. */
export async function outline(page) {
  return page.locator('[data-module]').evaluateAll((modules) =>
    modules.map((each) => [...each.querySelectorAll('[data-item] input')].map((field) => field.value).join(', ')),
  );
}

async function expectOutline(page, ...wanted) {
  await until(`the outline is ${wanted.join(' | ')}`, async () => (await outline(page)).join(' | ') === wanted.join(' | '));
  await page.getByText('Everything is saved.').waitFor();
}

/** A teacher builds a course of three lectures, by keyboard and by mouse, and publishes it. */
export async function buildACourse(world) {
  const { stage, instructor, files } = world;
  const page = await stage.person();
  await stage.signIn(page, instructor);
  await tabTo(page, press('New course'));
  await page.keyboard.press('Enter');
  await until('the first field has the focus', () => page.evaluate(() => document.activeElement?.getAttribute('name') === 'title'));
  await page.keyboard.type('Graph theory');
  await stage.expectAccessible(page, 'a new course');
  await page.keyboard.press('Enter');
  await h1(page, 'Graph theory').waitFor();
  await page.getByText('Add a module with a lecture.').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Publish' }).getAttribute('aria-disabled'), 'true');

  for (const title of ['Basics', 'More']) {
    await page.getByLabel(/Title of the first module|New module/).fill(title);
    await page.keyboard.press('Enter');
    await module(page, title).waitFor();
  }
  await page.getByText('“Basics” has no lecture.').waitFor();

  // One lecture that is there already, by keyboard, and two that are uploaded in place.
  await tabTo(page, press('Add lectures to “Basics”'), true);
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Search your lectures').fill('linear');
  await until('only what matches is shown', async () => (await dialog.getByRole('checkbox').count()) === 1);
  await stage.expectAccessible(page, 'adding lectures');
  await tabTo(page, (element) => element.type === 'checkbox');
  await page.keyboard.press('Space');
  await tabTo(page, press('Add 1 lecture'));
  await page.keyboard.press('Enter');
  await expectOutline(page, 'Linear algebra 1', '');
  await module(page, 'Basics').locator('input[type=file]').setInputFiles([files.other, files.third]);
  await expectOutline(page, 'Linear algebra 1, Other lecture, Third lecture', '');
  await until('all three can be watched', async () => (await module(page, 'Basics').getByText('Ready', { exact: true }).count()) === 3);
  world.course = new URL(page.url()).pathname.split('/')[2];
  world.teacherPage = page;
}

/** Lectures are put in order by keyboard and by mouse, also into another module. */
export async function orderTheOutline({ stage, teacherPage: page }) {
  const down = 'Move “Linear algebra 1” down';
  await page.getByRole('button', { name: down }).focus();
  await page.keyboard.press('Enter');
  await expectOutline(page, 'Other lecture, Linear algebra 1, Third lecture', '');
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
  assert.equal(await focused(), down, 'the focus stays on the button');
  assert.match(await page.locator('[aria-live=polite]').textContent(), /“Linear algebra 1” is now number 2 of 3 in “Basics”/);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await expectOutline(page, 'Other lecture, Third lecture', 'Linear algebra 1');
  assert.equal(await focused(), down, 'also in another module');

  const grip = (title) => page.locator('[data-item]', { has: page.getByLabel(`Title of the lecture “${title}”`) }).locator('.grip');
  const drag = async (from, to, into = 0.5) => {
    const [start, end] = [await from.boundingBox(), await to.boundingBox()];
    await page.mouse.move(start.x + start.width / 2, start.y + start.height / 2);
    await page.mouse.down();
    await page.mouse.move(end.x + 10, end.y + end.height * into, { steps: 8 });
    await page.mouse.up();
  };
  await drag(grip('Linear algebra 1'), grip('Other lecture'), 0.1);
  await expectOutline(page, 'Linear algebra 1, Other lecture, Third lecture', '');
  await drag(grip('Third lecture'), module(page, 'More').getByText('This module is empty.'));
  await expectOutline(page, 'Linear algebra 1, Other lecture', 'Third lecture');
  await page.reload();
  await expectOutline(page, 'Linear algebra 1, Other lecture', 'Third lecture');
  await stage.expectAccessible(page, 'the course builder');
}

/** Two teachers at once lose nothing: who is late sees the other's version, and keeps what was typed. */
export async function editACourseTwice({ stage, teacherPage: page }) {
  // The browser logs the refusal.
  stage.allow(/status of 412/);
  const other = await stage.tab(page.context());
  await other.goto(page.url());
  await other.getByLabel('Title of the module “More”').fill('Further');
  await other.keyboard.press('Enter');
  await other.getByText('Everything is saved.').waitFor();
  await other.close();
  const description = page.getByLabel('Description');
  await description.fill('Vertices, edges, and what connects them.');
  await page.locator('form', { has: description }).getByRole('button', { name: 'Save' }).click();
  await page.getByText(/Somebody else has changed this course/).waitFor();
  assert.equal(await description.inputValue(), 'Vertices, edges, and what connects them.', 'what was typed stays');
  await module(page, 'Further').waitFor();
  await page.locator('form', { has: description }).getByRole('button', { name: 'Save' }).click();
  await page.locator('.toast').getByText('The title and the description were saved.').waitFor();
}

/** Publishing needs nothing more; people join with a code. */
export async function publishACourse(world) {
  const { stage, teacherPage: page } = world;
  await page.getByLabel('With a code').check();
  world.code = await page.getByLabel('Code', { exact: true }).inputValue();
  assert.match(world.code, /^[2-9A-Z]{8}$/);
  await page.getByText('Everything is there.').waitFor();
  await tabTo(page, press('Publish'));
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Unpublish' }).waitFor();
  assert.equal(await page.getByLabel('Link to the course').inputValue(), `${stage.base}/courses/${world.course}?code=${world.code}`);
  await page.getByRole('link', { name: 'View as a learner' }).click();
  await page.getByText('This is how a learner sees the course.').waitFor();
  await page.getByRole('link', { name: 'Back to editing' }).click();
  await h1(page, 'Graph theory').waitFor();
}
