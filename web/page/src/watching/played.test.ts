import { expect, test } from 'vitest';
import { merge, Played, resumeAt } from './played';

test('only what was played counts, however it is reported', () => {
  const played = new Played();
  for (const at of [0, 0.25, 0.5, 1.5, 4]) played.reach(at);
  played.cut();
  for (const at of [60, 60.5, 61]) played.reach(at);
  // A jump that nobody announced.
  for (const at of [20, 20.5]) played.reach(at);
  expect(played.take()).toEqual([
    [0, 4],
    [20, 20.5],
    [60, 61],
  ]);
  played.reach(21);
  expect(played.take(), 'the next report continues where the last one ended').toEqual([[20.5, 21]]);
  expect(played.take()).toEqual([]);
});

test('fast playback takes longer steps', () => {
  const played = new Played();
  for (const at of [0, 9, 18]) played.reach(at, 2);
  expect(played.take()).toEqual([[0, 18]]);
  for (const at of [30, 39]) played.reach(at, 1);
  expect(played.take()).toEqual([]);
});

test('what could not be sent is sent with the next report', () => {
  const played = new Played();
  for (const at of [0, 1, 2]) played.reach(at);
  const lost = played.take();
  for (const at of [3, 4]) played.reach(at);
  played.giveBack(lost);
  expect(played.take()).toEqual([[0, 4]]);
});

test('parts that touch are one', () => {
  expect(merge([[5, 6], [0, 1.001], [1, 2], [5.5, 5.6]])).toEqual([
    [0, 2],
    [5, 6],
  ]);
});

test('a lecture resumes where it was left, and begins again after its end', () => {
  expect([resumeAt(0, 100), resumeAt(2, 100), resumeAt(41.5, 100), resumeAt(97, 100), resumeAt(41.5, 0)]).toEqual([0, 0, 41.5, 0, 41.5]);
});
