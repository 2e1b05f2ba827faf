import { afterEach, expect, test, vi } from 'vitest';
import { live, type LiveLecture } from '../api/live';
import { Broadcast } from './broadcast.svelte';
import type { Media } from './whip';

const lecture = (status: LiveLecture['status']) => ({ id: 'l', title: 'Primes', status, started_at: null, ended_at: null }) as LiveLecture;
const media = { stream: {}, shows: 'camera' } as unknown as Media;

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test('a lecture that is ended elsewhere lets go of the camera', async () => {
  vi.useFakeTimers();
  const get = vi.spyOn(live, 'get').mockResolvedValue(lecture('live'));
  const broadcast = new Broadcast('l');
  await vi.advanceTimersByTimeAsync(0);
  broadcast.capture.media = media;
  await vi.advanceTimersByTimeAsync(3000);
  expect(broadcast.capture.media).toBe(media);
  get.mockResolvedValue(lecture('ended'));
  await vi.advanceTimersByTimeAsync(3000);
  expect([broadcast.isOver, broadcast.capture.media]).toEqual([true, null]);
  broadcast.close();
});

test('the lecture is asked for once, however long the answer takes', async () => {
  vi.useFakeTimers();
  let answer: (value: LiveLecture) => void = () => undefined;
  const get = vi.spyOn(live, 'get').mockReturnValue(new Promise((resolve) => (answer = resolve)));
  const broadcast = new Broadcast('l');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(get).toHaveBeenCalledTimes(1);
  answer(lecture('live'));
  await vi.advanceTimersByTimeAsync(3000);
  expect(get).toHaveBeenCalledTimes(2);
  broadcast.close();
});
