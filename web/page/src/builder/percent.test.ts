import { expect, test } from 'vitest';
import { fromPercent, percentage, toPercent } from './percent';

test('a share is shown in percent and read as people write it', () => {
  for (const share of [0.1, 0.29, 0.57, 0.855, 0.9, 1]) expect(fromPercent(toPercent(share))).toBe(share);
  expect([toPercent(0.9), toPercent(0.855), toPercent(1)]).toEqual(['90', '85.5', '100']);
  expect(['80', ' 80 % ', '80%', '72,5'].map(fromPercent)).toEqual([0.8, 0.8, 0.8, 0.725]);
});

test('what is no percentage from 10 to 100 is wrong', () => {
  for (const text of ['', 'all', '9', '100.1', '-50', '1e2', '0x50', '5 0']) expect(percentage(text), text).toBeDefined();
  for (const text of ['10', '100', '66.6']) expect(percentage(text), text).toBeUndefined();
});
