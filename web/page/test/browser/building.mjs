import assert from 'node:assert/strict';
import { called, choose, expectFocus, heading, press, signIn, tabTo, type, typeTime } from './keyboard.mjs';
import { until } from './stage.mjs';

const h1 = (page, name) => page.getByRole('heading', { name, level: 1 });
const module = (page, title) => page.getByRole('region', { name: `Module “${title}”` });

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

/** With the keyboard alone, a teacher begins a course of three lectures. */
export async function buildACourse(world) {
  const { stage, instructor, files } = world;
  const page = await stage.person();
  stage.withoutMouse(page);
  await signIn(page, `${stage.base}/`, instructor);
  await h1(page, 'Courses').waitFor();
  await press(page, 'New course');
  await until('the first field has the focus', () => page.evaluate(() => document.activeElement?.getAttribute('name') === 'title'));
  await page.keyboard.type('Graph theory');
  await page.reload();
  await press(page, 'New course');
  await page.getByText('These are your changes from before').waitFor();
  await expectFocus(page, 'the title as it was typed', "(element) => element.name === 'title' && element.value === 'Graph theory'");
  await stage.expectAccessible(page, 'a new course');
  await page.keyboard.press('Enter');
  await h1(page, 'Graph theory').waitFor();
  await page.getByText('Add a module with a lecture.').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Publish' }).getAttribute('aria-disabled'), 'true');
  await expectFocus(page, 'the new course', heading);

  await type(page, 'Title of the first module', 'Basics');
  await page.keyboard.press('Enter');
  await module(page, 'Basics').waitFor();
  await expectFocus(page, 'the field for the next module', called('New module'));
  await page.keyboard.type('Extra');
  await page.keyboard.press('Enter');
  await module(page, 'Extra').waitFor();
  await page.getByText('“Basics” has no lecture.').waitFor();

  // One lecture that is there already, and two that are uploaded in place.
  await press(page, 'Add lectures to “Basics”', true);
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('checkbox').first().waitFor();
  await page.keyboard.type('linear');
  await until('only what matches is shown', async () => (await dialog.getByRole('checkbox').count()) === 1);
  await stage.expectAccessible(page, 'adding lectures');
  await tabTo(page, "(element) => element.type === 'checkbox'");
  await page.keyboard.press('Space');
  await press(page, 'Add 1 lecture');
  await expectOutline(page, 'Linear algebra 1', '');
  await expectFocus(page, 'the button that opened the dialog', called('Add lectures to “Basics”'));
  const chooser = page.waitForEvent('filechooser');
  await press(page, 'Upload into “Basics”');
  await (await chooser).setFiles([files.other, files.third]);
  await expectOutline(page, 'Linear algebra 1, Other lecture, Third lecture', '');
  await until('all three can be watched', async () => (await module(page, 'Basics').getByText('Ready', { exact: true }).count()) === 3);
  await stage.expectAccessibleEverywhere(page, 'a course of three lectures');
  world.course = new URL(page.url()).pathname.split('/')[2];
  world.teacherPage = page;
}

/** With the keyboard alone, lectures are put in order, also into another module, and get other titles. */
export async function orderTheOutline({ stage, teacherPage: page }) {
  const down = 'Move “Linear algebra 1” down';
  await press(page, down, true);
  await expectOutline(page, 'Other lecture, Linear algebra 1, Third lecture', '');
  await expectFocus(page, 'the same button', called(down));
  assert.match(await page.locator('[aria-live=polite]').textContent(), /“Linear algebra 1” is now number 2 of 3 in “Basics”/);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await expectOutline(page, 'Other lecture, Third lecture', 'Linear algebra 1');
  await expectFocus(page, 'the same button in another module', called(down));
  await tabTo(page, called('Move “Linear algebra 1” up'), true);
  for (let presses = 0; presses < 3; presses += 1) await page.keyboard.press('Enter');
  await expectOutline(page, 'Linear algebra 1, Other lecture, Third lecture', '');
  await press(page, 'Move “Third lecture” down');
  await expectOutline(page, 'Linear algebra 1, Other lecture', 'Third lecture');

  await type(page, 'Title of the lecture “Third lecture”', 'Planar graphs', true);
  await page.keyboard.press('Enter');
  await expectOutline(page, 'Linear algebra 1, Other lecture', 'Planar graphs');
  await type(page, 'Title of the module “Extra”', 'More', true);
  await page.keyboard.press('Enter');
  await module(page, 'More').waitFor();
}

/** Escape takes back a title that was typed, and keeps it, so that it can be restored. */
export async function keepATypedTitle({ stage, teacherPage: page }) {
  const field = page.getByLabel('Title of the module “More”');
  await type(page, 'Title of the module “More”', 'More and more', true);
  await page.getByText('Not everything is saved yet.').waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await field.inputValue(), 'More');
  await page.getByText('Not saved: “More and more”').waitFor();
  await page.getByText('Everything is saved.').waitFor();
  await stage.expectAccessible(page, 'a title that was taken back');
  await stage.picture(page, 'title-taken-back');
  await press(page, 'Restore it');
  await expectFocus(page, 'the field', called('Title of the module “More”'));
  await page.keyboard.press('Enter');
  await module(page, 'More and more').waitFor();
  await type(page, 'Title of the module “More and more”', 'More');
  await page.keyboard.press('Enter');
  await module(page, 'More').waitFor();
}

/** A text that is restored after a reload is not saved, and the builder says so. */
export async function sayWhatIsNotSaved({ stage, teacherPage: page }) {
  await type(page, 'Description', 'Paths and circles');
  await page.getByText('Not everything is saved yet.').waitFor();
  await page.reload();
  await page.getByText('These are your changes from before').waitFor();
  await page.getByText('Not everything is saved yet.').waitFor();
  assert.equal(await page.getByText('Everything is saved.').count(), 0);
  await stage.picture(page, 'not-saved');
  await press(page, 'Discard them');
  await page.getByText('Everything is saved.').waitFor();
}

/** With the keyboard alone, a module and the course get times when they open and end. */
export async function setDates({ stage, teacherPage: page }) {
  await press(page, 'When “More” opens');
  await tabTo(page, "(element) => element.name === 'opens_at'");
  await typeTime(page, '0115', '2026');
  await page.keyboard.press('Enter');
  await module(page, 'More').getByText(/Opens on Jan 15, 2026/).waitFor();
  await expectFocus(page, 'the button that showed the field', called('When “More” opens'));
  await tabTo(page, "(element) => element.name === 'opens_at'");
  await typeTime(page, '0112', '2026');
  await tabTo(page, "(element) => element.name === 'ends_at'");
  await typeTime(page, '1231', '2099');
  await page.keyboard.press('Enter');
  await page.locator('.toast').getByText('The dates were saved.').waitFor();
  await page.reload();
  await expectOutline(page, 'Linear algebra 1, Other lecture', 'Planar graphs');
  assert.equal(await page.locator('input[name=opens_at]').inputValue(), '2026-01-12T08:00');
  assert.equal(await page.locator('input[name=ends_at]').inputValue(), '2099-12-31T08:00');
  await stage.expectAccessible(page, 'the course builder');
}

/** With the keyboard alone, a teacher says how much of a lecture has to be seen; what is no share is refused at its field. */
export async function setTheShareToWatch({ stage, teacherPage: page }) {
  const field = 'A lecture counts as watched when this much of it was seen, in %';
  assert.equal(await page.getByLabel(field).inputValue(), '90');
  await type(page, field, '5');
  await page.keyboard.press('Enter');
  await page.getByText('Enter a number from 10 to 100.').waitFor();
  await expectFocus(page, 'what was wrong', called(field));
  await stage.expectAccessible(page, 'a share that was refused');
  await page.keyboard.type('75');
  await page.keyboard.press('Enter');
  await page.locator('.toast').getByText('How much has to be seen was saved.').waitFor();
  await page.getByText('Everything is saved.').waitFor();
}

/** A mouse drags lectures, also into another module. */
export async function dragTheOutline({ stage, teacherPage: page }) {
  stage.withMouse(page);
  const grip = (title) => page.locator('[data-item]', { has: page.getByLabel(`Title of the lecture “${title}”`) }).locator('.grip');
  const drag = async (from, to, into = 0.5) => {
    // A mouse reaches only what is in sight.
    await from.scrollIntoViewIfNeeded();
    await to.scrollIntoViewIfNeeded();
    const [start, end] = [await from.boundingBox(), await to.boundingBox()];
    await page.mouse.move(start.x + start.width / 2, start.y + start.height / 2);
    await page.mouse.down();
    await page.mouse.move(end.x + 10, end.y + end.height * into, { steps: 8 });
    await page.mouse.up();
  };
  await drag(grip('Planar graphs'), grip('Linear algebra 1'), 0.1);
  await expectOutline(page, 'Planar graphs, Linear algebra 1, Other lecture', '');
  await drag(grip('Planar graphs'), module(page, 'More').getByText('This module is empty.'));
  await expectOutline(page, 'Linear algebra 1, Other lecture', 'Planar graphs');
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

/** With the keyboard alone, the course is published, which needs nothing more; people join with a code. */
export async function publishACourse(world) {
  const { stage, teacherPage: page } = world;
  stage.withoutMouse(page);
  await choose(page, 'How people enrol', 'With a code');
  world.code = await page.getByLabel('Code', { exact: true }).inputValue();
  assert.match(world.code, /^[2-9A-Z]{8}$/);
  await page.getByText('Everything is there.').waitFor();
  await press(page, 'Publish');
  await page.getByRole('button', { name: 'Unpublish' }).waitFor();
  await expectFocus(page, 'what can be done next', called('Unpublish'));
  assert.equal(await page.getByLabel('Link to the course').inputValue(), `${stage.base}/courses/${world.course}?code=${world.code}`);
  await press(page, 'View as a learner', true);
  await page.getByText('This is how a learner sees the course.').waitFor();
  await press(page, 'Back to editing', true);
  await h1(page, 'Graph theory').waitFor();
}
