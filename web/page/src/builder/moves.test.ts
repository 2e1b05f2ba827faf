import { expect, test } from 'vitest';
import { moveItem, moveModule, spotOf, stepItem, stepModule, type Part } from './moves';

/** A course as text: modules by their letters, items behind the colon. */
const read = (text: string): Part[] =>
  text.split(' ').map((part) => {
    const [id = '', items = ''] = part.split(':');
    return { id, items: [...items].map((each) => ({ id: each })) };
  });
const write = (modules: Part[] | null) => modules?.map(({ id, items }) => `${id}:${items.map((each) => each.id).join('')}`).join(' ') ?? null;
const course = read('A:123 B:45 C:');

test('an item moves within its module and into every other', () => {
  const move = (item: string, module: string, index: number) => write(moveItem(course, item, { module, index }));
  expect(move('1', 'A', 3)).toBe('A:231 B:45 C:');
  expect(move('3', 'A', 0)).toBe('A:312 B:45 C:');
  expect(move('2', 'B', 1)).toBe('A:13 B:425 C:');
  expect(move('4', 'C', 0)).toBe('A:123 B:5 C:4');
  expect([move('2', 'A', 1), move('2', 'A', 2), move('2', 'none', 0), move('9', 'A', 0)], 'these change nothing').toEqual([null, null, null, null]);
  expect(write(course), 'the course itself stays').toBe('A:123 B:45 C:');
});

test('a step at the edge of a module leads into the next one, and none leads out of the course', () => {
  const step = (item: string, by: 1 | -1) => write(stepItem(course, item, by));
  expect(step('1', 1)).toBe('A:213 B:45 C:');
  expect(step('3', -1)).toBe('A:132 B:45 C:');
  expect(step('3', 1)).toBe('A:12 B:345 C:');
  expect(step('4', -1)).toBe('A:1234 B:5 C:');
  expect(step('5', 1)).toBe('A:123 B:4 C:5');
  expect([step('1', -1), stepItem(read('A:1'), '1', 1)]).toEqual([null, null]);
});

test('steps down and back up restore every order', () => {
  for (const item of '1234') {
    const down = stepItem(course, item, 1);
    expect(write(stepItem(down ?? [], item, -1))).toBe(write(course));
  }
});

test('modules move with their items', () => {
  expect(write(stepModule(course, 'A', 1))).toBe('B:45 A:123 C:');
  expect(write(stepModule(course, 'C', -1))).toBe('A:123 C: B:45');
  expect(write(moveModule(course, 'A', 3))).toBe('B:45 C: A:123');
  expect(write(moveModule(course, 'C', 0))).toBe('C: A:123 B:45');
  expect([stepModule(course, 'A', -1), stepModule(course, 'C', 1), moveModule(course, 'B', 1), moveModule(course, 'none', 0)]).toEqual([null, null, null, null]);
});

test('an item is found where it stands', () => {
  expect([spotOf(course, '5'), spotOf(course, '9')]).toEqual([{ module: 'B', index: 1 }, null]);
});
