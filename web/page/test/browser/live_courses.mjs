// What the pages of courses show of live lectures.
import assert from 'node:assert/strict';
import { client } from './client.mjs';

/** A course with a lecture that is live now has a badge in the list; its outline also shows when the next lecture begins. */
export async function showWhatIsLive({ stage, instructor, live }) {
  const ask = await client(stage.base, instructor);
  const starts_at = new Date(Date.now() + 86_400_000).toISOString();
  const next = await ask('POST', '/content/live', 201, { title: 'Primes, next week', starts_at });
  const course = await ask('POST', '/courses', 201, { title: 'Prime numbers, live' });
  const module = await ask('POST', `/courses/${course.id}/modules`, 201, { title: 'This term' });
  for (const content_id of [live, next.id]) {
    await ask('POST', `/courses/${course.id}/modules/${module.id}/items`, 201, { kind: 'video', content_id });
  }
  const page = await stage.person();
  await stage.signIn(page, instructor);
  const card = page.getByRole('listitem').filter({ has: page.getByRole('link', { name: 'Prime numbers, live', exact: true }) });
  await card.getByText('Live', { exact: true }).waitFor();
  assert.equal(await page.locator('li.course .badge').count(), 1, 'no other course is live');
  await stage.expectAccessible(page, 'courses, one of them live');
  await stage.picture(page, 'course-live');
  await card.getByRole('link', { name: 'Prime numbers, live', exact: true }).click();
  const outline = page.getByRole('region', { name: 'Prime numbers, live' });
  await outline.getByRole('listitem').filter({ hasText: 'Primes, live' }).getByText('Live', { exact: true }).waitFor();
  const row = outline.getByRole('listitem').filter({ hasText: 'Primes, next week' });
  await row.getByText('Scheduled', { exact: true }).waitFor();
  assert.equal(Date.parse(await row.locator('time').getAttribute('datetime')), Date.parse(starts_at));
  await stage.expectAccessible(page, 'the outline of a live course');
  await stage.picture(page, 'outline-live');
  await page.context().close();
  await ask('DELETE', `/courses/${course.id}`, 204);
  await ask('DELETE', `/content/${next.id}/delete`, 202);
}
