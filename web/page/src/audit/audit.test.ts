import { expect, test } from 'vitest';
import type { AuditEntry, AuditPage } from '../api/wire';
import { details } from './details';
import { AuditLog } from './log.svelte';

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

test('details are words', () => {
  expect(details({ before: ['learner'], after: ['learner', 'instructor'] })).toBe('Roles: Learner → Learner, Instructor');
  expect(details({ fields: ['title'] })).toBe('Changed: title');
  expect(details({ playback_id: 'p' })).toBeNull();
  expect(details(null)).toBeNull();
});
