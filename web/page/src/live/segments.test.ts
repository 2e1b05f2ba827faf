import { expect, test } from 'vitest';
import { placeBehind } from './segments';

const fragments = [0, 2, 4, 6].map((start) => ({ start, duration: 2, programDateTime: 1_000_000 + start * 1000 + (start >= 4 ? 60_000 : 0) }));

test('a place behind live is found by the clock of the segments, also across a gap', () => {
  expect(placeBehind(fragments, 8, 3)).toBe(5);
  // A minute passed in which nothing was published.
  expect(placeBehind(fragments, 8, 30)).toBe(4);
  expect(placeBehind(fragments, 8, 65)).toBe(3);
  expect(placeBehind(fragments, 8, 1000)).toBe(0);
  const plain = fragments.map((each) => ({ ...each, programDateTime: null }));
  expect(placeBehind(plain, 8, 3)).toBe(5);
  expect(placeBehind(plain, 8, 30)).toBe(0);
});
