import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { why } from './why';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const published = { status: 'live', publishing: true } as const;
const silent = { status: 'live', publishing: false } as const;

test('another place has taken over if the lecture goes on being published', async () => {
  let known: unknown = 'unknown';
  void why(async () => published).then((found) => (known = found));
  await vi.advanceTimersByTimeAsync(6500);
  expect(known).toBe('unknown');
  await vi.advanceTimersByTimeAsync(2500);
  expect(known).toBe('replaced');
});

test('nobody has taken over if the lecture stops being published a little later', async () => {
  let asked = 0;
  const found = why(async () => ((asked += 1) < 4 ? published : silent));
  await vi.advanceTimersByTimeAsync(3500);
  expect(await found).toBe(null);
  expect(asked).toBe(4);
});

test('without an answer, nothing is known', async () => {
  expect(await why(() => Promise.reject(new TypeError('offline')))).toBe(null);
});

test('a lecture that has ended is over', async () => {
  expect(await why(async () => ({ status: 'ended', publishing: false }))).toBe('over');
});
