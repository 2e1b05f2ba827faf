import assert from 'node:assert/strict';
import { until } from './stage.mjs';

/** What an admin does to others stands in one log, with names, newest first. */
export async function readWhatAdminsDid({ stage, admin, lecture, learner, course }) {
  const page = await stage.person();
  await stage.signIn(page, admin);
  // Watching somebody's lecture is an act, too, once the server has opened the stream.
  const opened = page.waitForResponse((answer) => /\/stream(\?|$)/.test(answer.url()) && answer.ok());
  await page.goto(`${stage.base}${lecture}`);
  await opened;
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
  // So is a change of somebody's course.
  await page.goto(`${stage.base}/courses/${course}/edit`);
  await page.getByLabel('Description').fill('Paths, circles and trees');
  await page.locator('form', { has: page.getByLabel('Description') }).getByRole('button', { name: 'Save' }).click();
  await page.locator('.toast').getByText('The title and the description were saved.').waitFor();
  await page.getByRole('link', { name: 'People' }).click();
  await page.getByRole('link', { name: 'What administrators did' }).click();
  await page.getByRole('heading', { name: 'Audit log', level: 1 }).waitFor();
  const entries = page.getByRole('listitem').filter({ hasText: /Request/ });
  const roles = entries.filter({ hasText: 'changed the roles of' }).filter({ hasText: learner.name });
  await roles.first().getByText('Roles: Learner → Learner, Instructor').waitFor();
  await until('the lecture has its title', async () => (await entries.filter({ hasText: 'watched' }).getByRole('link', { name: /Vectors/ }).count()) > 0);
  const change = entries.filter({ hasText: 'changed the course' }).first();
  await change.getByRole('link', { name: 'Graph theory' }).waitFor();
  await change.getByText('Changed: description').waitFor();
  await entries.filter({ hasText: 'enrolled people in the course' }).getByText(`Enrolled: ${learner.name}`).waitFor();
  const times = await page.locator('time').evaluateAll((all) => all.map((each) => Date.parse(each.dateTime)));
  assert.deepEqual(times, [...times].sort((a, b) => b - a), 'newest first');
  await page.context().close();
}
