import { afterEach, expect, test, vi } from 'vitest';
import { api } from '../api/client';
import type { AuditEntry, AuditPage } from '../api/wire';
import { details } from './details';
import { AuditLog } from './log.svelte';
import { Names } from './names.svelte';

const entry = (number: number) =>
  ({ id: String(number).padStart(4, '0'), at: new Date(number * 1000).toISOString(), actor_id: 'a', act: 'x', subject: { kind: 'user', id: 'u' }, details: {} }) as AuditEntry;

/** A service that pages through entries with these numbers. */
function service(numbers: number[], asked: string[] = []) {
  return (cursor: string | null): Promise<AuditPage> => {
    asked.push(cursor ?? 'first');
    const start = cursor === null ? 0 : Number(cursor);
    const end = start + 20;
    return Promise.resolve({ items: numbers.slice(start, end).map(entry), next_cursor: end < numbers.length ? String(end) : null } as AuditPage);
  };
}

const numbers = (log: AuditLog) => log.entries.map((each) => Number(each.id));
const down = (from: number, count: number, step: number) => Array.from({ length: count }, (_, at) => from - at * step);

test('the entries of all services come newest first, page by page, each once', async () => {
  const [one, other] = [down(1000, 45, 2), down(999, 7, 20)];
  const log = new AuditLog([service(one), service(other)]);
  const wanted = [...one, ...other].sort((a, b) => b - a);
  for (const shown of [20, 40, 52]) {
    await log.more();
    expect(numbers(log)).toEqual(wanted.slice(0, shown));
    expect(log.hasMore).toBe(shown < 52);
  }
});

test('no entries are an empty log, and exactly one page has no next one', async () => {
  const empty = new AuditLog([service([]), service([])]);
  await empty.more();
  expect([empty.entries.length, empty.hasMore, empty.loaded]).toEqual([0, false, true]);
  const full = new AuditLog([service(down(20, 20, 1)), service([])]);
  await full.more();
  expect([full.entries.length, full.hasMore]).toEqual([20, false]);
});

test('a failure loses nothing: the next try continues', async () => {
  const asked: string[] = [];
  const good = service(down(100, 30, 2), asked);
  let fails = false;
  const log = new AuditLog([(cursor) => (fails && cursor !== null ? Promise.reject(new TypeError()) : good(cursor)), service(down(99, 3, 2))]);
  await log.more();
  fails = true;
  await log.more();
  expect(log.problem?.code).toBe('network');
  fails = false;
  await log.more();
  expect(numbers(log)).toHaveLength(33);
  expect(new Set(numbers(log)).size).toBe(33);
  expect(asked).toEqual(['first', '20']);
});

afterEach(() => vi.restoreAllMocks());

test('what was deleted has the title of its deletion, in earlier entries too, and is not asked for', async () => {
  const asked: string[] = [];
  vi.spyOn(api, 'GET').mockImplementation(((path: string) => {
    asked.push(path);
    const data = path === '/api/v1/users' ? { items: [], next_cursor: null } : { title: 'Graph theory' };
    return Promise.resolve({ data, response: new Response() });
  }) as never);
  const act = (name: string, kind: string, id: string, details = {}) => ({ ...entry(1), act: name, subject: { kind, id }, details }) as AuditEntry;
  const names = new Names();
  await names.load([
    act('delete_video', 'video', 'v1', { title: 'Vectors' }),
    act('stream_video', 'video', 'v1'),
    act('delete_video', 'video', 'v2'),
    act('update_course', 'course', 'c1'),
  ]);
  expect(names.works.get('v1')).toEqual({ title: 'Vectors', isGone: true });
  expect(names.works.get('v2')).toEqual({ title: null, isGone: true });
  expect(names.works.get('c1')).toEqual({ title: 'Graph theory', isGone: false });
  expect(asked.filter((path) => path !== '/api/v1/users')).toEqual(['/api/v1/courses/{course_id}']);
});

test('details are words', () => {
  expect(details({ before: ['learner'], after: ['learner', 'instructor'] })).toBe('Roles: Learner → Learner, Instructor');
  expect(details({ fields: ['title'] })).toBe('Changed: title');
  expect(details({ before: 'draft', after: 'published' })).toBe('Status: Draft → Published');
  const name = (id: string) => id.toUpperCase();
  expect(details({ user_id: 'u', before: 'learner', after: 'assistant' }, name)).toBe('Person: U; Role: Learner → Assistant');
  expect(details({ lines: 3, enrolled: ['u', 'v'] }, name)).toBe('Enrolled: U, V');
  expect(details({ lines: 9, enrolled: ['1', '2', '3', '4', '5', '6'] }, name)).toBe('Enrolled: 6 people');
  expect(details({ change: 'add_item', content_id: 'c' })).toBe('Changed: a lecture was added');
  expect(details({ playback_id: 'p' })).toBeNull();
  expect(details(null)).toBeNull();
});
