import { expect, test } from 'vitest';
import { bytes, calendarDays, clock, roughly, spokenTime } from './format';
import { plural, t } from './text';

test('sizes are shown in decimal units with three figures at most', () => {
  const shown = [0, 999, 1000, 1_500_000, 99_960_000, 2_147_483_648].map((count) => bytes(count).replace('\u00a0', ' '));
  expect(shown).toEqual(['0 B', '999 B', '1.0 kB', '1.5 MB', '100 MB', '2.1 GB']);
});

test('positions read like a clock and speak like words', () => {
  expect([0, 65.9, 3600, 36_000].map(clock)).toEqual(['0:00', '1:05', '1:00:00', '10:00:00']);
  expect(clock(Number.NaN)).toBe('0:00');
  expect(spokenTime(3661)).toBe('1 hour 1 minute 1 second');
  expect(spokenTime(0)).toBe('0 seconds');
});

test('the remaining time is shown as roughly as it is estimated', () => {
  expect(roughly(20)).toBe('less than a minute');
  expect(roughly(130)).toBe('about 2 minutes');
  expect(roughly(2 * 3600 + 58.5 * 60)).toBe('about 3 hours');
  expect(roughly(3600 + 20 * 60)).toBe('about 1 hour 20 minutes');
});

test('days are counted by the calendar, whatever the hours', () => {
  const at = (month: number, date: number, hours: number) => new Date(2026, month - 1, date, hours).getTime();
  expect([calendarDays(at(12, 2, 15), at(12, 9, 10)), calendarDays(at(12, 2, 8), at(12, 9, 10))]).toEqual([7, 7]);
  expect(calendarDays(at(12, 2, 8), at(12, 2, 23))).toBe(0);
  // The nights in which clocks change in many places.
  expect([calendarDays(at(3, 28, 12), at(3, 30, 1)), calendarDays(at(10, 24, 12), at(10, 26, 1))]).toEqual([2, 2]);
});

test('sentences take their values and their number', () => {
  expect(t('upload.left', { time: 'a moment' })).toBe('a moment left');
  expect(plural('lectures.count', 1)).toBe('1 lecture');
  expect(plural('lectures.count', 1200)).toBe('1,200 lectures');
});
