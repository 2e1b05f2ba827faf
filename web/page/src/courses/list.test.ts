import { afterEach, expect, test, vi } from 'vitest';
import { api } from '../api/client';
import { CourseList } from './list.svelte';

interface Sent {
  params: { query: { q?: string; cursor?: string } };
}

afterEach(() => vi.restoreAllMocks());

test('while a search is on its way, nothing more of the list before it is asked for', async () => {
  const answers: (() => void)[] = [];
  const asked: string[] = [];
  vi.spyOn(api, 'GET').mockImplementation(((_path: string, { params: { query } }: Sent) => {
    const id = `${query.q ?? 'all'} ${query.cursor ?? 'first'}`;
    asked.push(id);
    const answer = { data: { items: [{ id }], next_cursor: 'next' }, response: new Response() };
    return new Promise((resolve) => answers.push(() => resolve(answer)));
  }) as never);
  const list = new CourseList(false);
  const ids = () => list.items.map((course) => course.id);
  const all = list.load();
  answers.pop()?.();
  await all;
  const search = list.load('trees');
  expect([list.asked, list.wanted]).toEqual(['', 'trees']);
  await list.more();
  expect(ids()).toEqual(['all first']);
  answers.pop()?.();
  await search;
  const more = list.more();
  answers.pop()?.();
  await more;
  expect(ids()).toEqual(['trees first', 'trees next']);
  expect(asked).toEqual(['all first', 'trees first', 'trees next']);
});
