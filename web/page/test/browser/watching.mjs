import assert from 'node:assert/strict';
import { until } from './stage.mjs';

/** What an admin does to others stands in one log, with names, newest first. */
export async function readWhatAdminsDid({ stage, admin, lecture, learner }) {
  const page = await stage.person();
  await stage.signIn(page, admin);
  // Watching somebody's lecture is an act, too.
  await page.goto(`${stage.base}${lecture}`);
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
  await page.getByRole('link', { name: 'People' }).click();
  await page.getByRole('link', { name: 'What administrators did' }).click();
  await page.getByRole('heading', { name: 'Audit log', level: 1 }).waitFor();
  const entries = page.getByRole('listitem').filter({ hasText: /Request/ });
  const roles = entries.filter({ hasText: 'changed the roles of' }).filter({ hasText: learner.name });
  await roles.first().getByText('Roles: Learner → Learner, Instructor').waitFor();
  await until('the lecture has its title', async () => (await entries.filter({ hasText: 'watched' }).getByRole('link', { name: /Vectors/ }).count()) > 0);
  const times = await page.locator('time').evaluateAll((all) => all.map((each) => Date.parse(each.dateTime)));
  assert.deepEqual(times, [...times].sort((a, b) => b - a), 'newest first');
  await page.context().close();
}
