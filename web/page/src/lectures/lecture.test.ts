import { afterEach, expect, test, vi } from 'vitest';
import { api } from '../api/client';
import type { Video } from '../api/wire';
import { LectureState } from './lecture.svelte';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test('a lecture that could not be loaded at first is followed once it was', async () => {
  vi.useFakeTimers();
  const answers = ['offline', 'scheduled', 'live'];
  vi.spyOn(api, 'GET').mockImplementation((() => {
    const status = answers.shift() ?? 'live';
    if (status === 'offline') return Promise.reject(new TypeError());
    return Promise.resolve({ data: { id: 'l', status } as Video, response: new Response() });
  }) as never);
  const lecture = new LectureState('l');
  const leave = lecture.follow();
  await vi.advanceTimersByTimeAsync(0);
  expect([lecture.problem?.code, lecture.video]).toEqual(['network', null]);
  lecture.retry();
  await vi.advanceTimersByTimeAsync(0);
  expect([lecture.problem, lecture.video?.status]).toEqual([null, 'scheduled']);
  // Without a sign-in, it is asked for every three seconds.
  await vi.advanceTimersByTimeAsync(3000);
  expect(lecture.video?.status).toBe('live');
  leave();
});
