import { afterEach, expect, test, vi } from 'vitest';
import { api } from '../api/client';
import type { LectureCourse } from '../api/wire';
import { CoursesOfLecture, maySee, whoWatches } from './courses.svelte';

interface Sent {
  params: { path: { course_id?: string; video_id: string }; query?: { cursor?: string } };
}

const course = (id: string, fields: Partial<LectureCourse> = {}) =>
  ({ id, title: id, status: 'published', access: 'enrolled', owner_id: 'o', my_role: null, ...fields }) as LectureCourse;
const ids = (list: CoursesOfLecture) => list.items.map((each) => each.id).join('');
const refused = (status: number, code: string) => ({ error: { code, detail: code }, response: new Response(null, { status }) });

/** A server that has these pages of courses; returns the cursors that it was asked for. */
function serve(...pages: string[]): string[] {
  const asked: string[] = [];
  vi.spyOn(api, 'GET').mockImplementation(((_path: string, { params: { query } }: Sent) => {
    const at = Number(query?.cursor ?? 0);
    asked.push(query?.cursor ?? 'first');
    const next_cursor = at + 1 < pages.length ? String(at + 1) : null;
    return Promise.resolve({ data: { items: [...(pages[at] ?? '')].map((id) => course(id)), next_cursor }, response: new Response() });
  }) as never);
  return asked;
}

afterEach(() => vi.restoreAllMocks());

test('courses are listed page by page, and none are shown of a lecture that is in no course', async () => {
  const asked = serve('dc', 'ba');
  const list = new CoursesOfLecture('v');
  expect(list.isShown).toBe(false);
  await Promise.all([list.more(), list.more()]);
  expect([ids(list), list.cursor, list.isShown]).toEqual(['dc', '1', true]);
  await list.more();
  expect([ids(list), list.cursor]).toEqual(['dcba', null]);
  expect(asked).toEqual(['first', '1']);
  serve('');
  const none = new CoursesOfLecture('v');
  await none.more();
  expect([none.isShown, none.problem]).toEqual([false, null]);
});

test('a failure is shown until another try succeeds, and loses no course', async () => {
  const down = () => vi.spyOn(api, 'GET').mockImplementation((() => Promise.resolve(refused(503, 'unavailable'))) as never);
  const list = new CoursesOfLecture('v');
  down();
  await list.more();
  expect([list.problem?.code, list.isShown]).toEqual(['unavailable', true]);
  serve('b', 'a');
  const again = list.more();
  // The section stays while it is tried again.
  expect([list.problem, list.isShown, list.busy]).toEqual([null, true, true]);
  await again;
  down();
  await list.more();
  expect([ids(list), list.problem?.status]).toEqual(['b', 503]);
  serve('b', 'a');
  await list.more();
  expect([ids(list), list.problem]).toEqual(['ba', null]);
});

test('a lecture is taken out of one course; what is out already counts, and what is refused stays', async () => {
  serve('cba');
  const list = new CoursesOfLecture('v');
  await list.more();
  const sent: string[] = [];
  let answer: object = { response: new Response(null, { status: 204 }) };
  vi.spyOn(api, 'DELETE').mockImplementation(((_path: string, { params: { path } }: Sent) => {
    sent.push(`${path.course_id} ${path.video_id}`);
    return Promise.resolve(answer);
  }) as never);
  await list.takeOut(course('b'));
  expect(ids(list)).toBe('ca');
  answer = refused(404, 'item_not_found');
  await list.takeOut(course('c'));
  expect(ids(list)).toBe('a');
  answer = refused(404, 'video_not_found');
  await expect(list.takeOut(course('a'))).rejects.toMatchObject({ code: 'video_not_found' });
  expect([ids(list), list.isShown]).toEqual(['a', true]);
  answer = { response: new Response(null, { status: 204 }) };
  await list.takeOut(course('a'));
  expect(list.isShown).toBe(false);
  expect(sent).toEqual(['b v', 'c v', 'a v', 'a v']);
});

test('when the last shown course goes, those of the next page take its place', async () => {
  serve('b', 'a');
  vi.spyOn(api, 'DELETE').mockImplementation((() => Promise.resolve({ response: new Response(null, { status: 204 }) })) as never);
  const list = new CoursesOfLecture('v');
  await list.more();
  await list.takeOut(course('b'));
  expect([ids(list), list.cursor]).toEqual(['a', null]);
});

test('a course that is not published is watched by its teachers alone, and linked to for those who see it', () => {
  const all = ['draft', 'published', 'archived'] as const;
  expect(all.map((status) => whoWatches(course('c', { status, access: 'public' })))).toEqual(['teachers', 'public', 'teachers']);
  const seen = (fields: Partial<LectureCourse>) => all.map((status) => maySee(course('c', { status, ...fields }), false));
  expect(seen({})).toEqual([false, false, false]);
  expect(seen({ access: 'open' })).toEqual([false, true, false]);
  expect(seen({ my_role: 'learner' })).toEqual([false, true, true]);
  expect(seen({ my_role: 'editor' })).toEqual([true, true, true]);
  expect(maySee(course('c', { status: 'draft' }), true)).toBe(true);
});
