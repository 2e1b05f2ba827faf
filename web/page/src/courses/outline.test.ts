import { expect, test } from 'vitest';
import type { CourseDetails, CourseProgress } from '../api/wire';
import { isBegun, neighbour, opening, opens, places, share, startWith } from './outline';

const now = Date.parse('2026-11-30T12:00:00Z');
const later = '2026-12-07T08:00:00Z';
const item = (id: string, state: string | null = 'ready') => ({ id, kind: 'video', content_id: state === null ? null : `v${id}`, title: id, state });
const course = (modules: object[], opens_at: string | null = null) => ({ opens_at, modules }) as unknown as CourseDetails;
const graph = course([
  { id: 'one', title: 'One', items: [item('a'), item('b', 'deleted'), item('c', 'processing')] },
  { id: 'two', title: 'Two', opens_at: later, items: [item('d'), item('e', 'failed')] },
]);
const of = (...items: [id: string, seconds: number, completed: boolean][]): CourseProgress => ({
  items: items.map(([item_id, seconds, completed]) => ({ item_id, content_id: `v${item_id}`, position: seconds, seconds, duration: 100, completed })),
  completed: 0,
  of: items.length,
});
const at = (progress: CourseProgress | null, all = places(graph, false, now)) => startWith(all, progress)?.item.id ?? null;

test('each item shows what can be done with it, to teachers and to learners', () => {
  expect(places(graph, false, now).map(({ number, look }) => [number, look])).toEqual([
    [1, 'ready'],
    [2, 'deleted'],
    [3, 'preparing'],
    [4, 'ready'],
    [5, 'failed'],
  ]);
  expect(places(graph, true, now).map(({ look }) => look).slice(3)).toEqual(['locked', 'locked']);
  expect(places(graph, true, Date.parse(later)).map(({ look }) => look).slice(3)).toEqual(['ready', 'failed']);
  expect(places(course([{ id: 'one', items: [item('a', null)] }]), true, now)[0]?.look).toBe('locked');
});

test('what is live comes first, and what is scheduled can be opened', () => {
  const all = places(course([{ id: 'one', items: [item('a', 'scheduled'), item('b'), item('c', 'live')] }]), true, now);
  expect(all.map(({ look }) => look)).toEqual(['scheduled', 'ready', 'live']);
  expect(all.every(({ look }) => opens(look))).toBe(true);
  expect(at(null, all)).toBe('c');
  expect(at(of(['b', 40, false]), all)).toBe('c');
  expect(at(null, all.slice(0, 1))).toBe('a');
  expect(neighbour(all, 'b', 'previous')).toBeNull();
});

test('a module opens when both it and its course are open', () => {
  const [one, two] = graph.modules as [CourseDetails['modules'][0], CourseDetails['modules'][0]];
  expect(opening(graph, one, now)).toBeNull();
  expect(opening(graph, two, now)).toBe(Date.parse(later));
  expect(opening({ ...graph, opens_at: '2027-01-01T00:00:00Z' }, two, now)).toBe(Date.parse('2027-01-01T00:00:00Z'));
});

test('a course continues with what was begun, then with what follows, then from the start', () => {
  const all = places(course([{ id: 'm', items: ['a', 'b', 'c', 'd'].map((id) => item(id)) }]), true, now);
  expect(at(null, all)).toBe('a');
  expect(at(of(['a', 100, true], ['b', 30, false]), all)).toBe('b');
  expect(at(of(['a', 10, false], ['c', 100, true]), all)).toBe('a');
  expect(at(of(['c', 100, true]), all)).toBe('d');
  expect(at(of(['a', 0, false], ['d', 100, true]), all), 'what was left out comes at the end').toBe('a');
  expect(at(of(['a', 1, true], ['b', 1, true], ['c', 1, true], ['d', 1, true]), all)).toBe('a');
  expect(at(null, [])).toBeNull();
});

test('who was at the end of an item, or hardly at its beginning, is not in its middle', () => {
  const [one] = of(['a', 40, false]).items;
  const begun = [{}, { completed: true }, { position: 97 }, { position: 2 }, { seconds: 0 }].map((other) => isBegun({ ...one!, ...other }));
  expect(begun).toEqual([true, false, false, false, false]);
  expect(isBegun(undefined)).toBe(false);
  const all = places(course([{ id: 'm', items: ['a', 'b', 'c'].map((id) => item(id)) }]), true, now);
  const progress = of(['a', 100, true], ['c', 97, false]);
  expect(at(progress, all)).toBe('b');
});

test('the next and the previous lecture are those that can be watched', () => {
  const all = places(graph, false, now);
  const from = (id: string, where: 'next' | 'previous') => neighbour(all, id, where)?.item.id ?? null;
  expect([from('a', 'next'), from('d', 'previous'), from('d', 'next'), from('a', 'previous'), from('none', 'next')]).toEqual(['d', 'a', null, null, null]);
});

test('the watched share counts seconds, and a completed item is whole', () => {
  const [one] = of(['a', 25, false]).items;
  expect([share(one), share({ ...one!, completed: true }), share({ ...one!, duration: null }), share(undefined)]).toEqual([0.25, 1, 0, 0]);
});
