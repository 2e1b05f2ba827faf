import { afterEach, expect, test, vi } from 'vitest';
import { Problem } from '../api/problem';
import type { PlaybackSession } from '../api/wire';
import { Playback } from './playback.svelte';
import { openStream } from './stream';

vi.mock('./stream', () => ({ openStream: vi.fn(), keepAlive: () => () => undefined, placesOf: () => null }));
vi.mock('hls.js', () => ({
  default: class {
    static Events = {};
    static isSupported = () => true;
    levels = [];
    on = () => undefined;
    attachMedia = () => undefined;
    loadSource = () => undefined;
    destroy = () => undefined;
  },
}));

/** A video element without a stream, which counts as paused. */
class Video {
  plays = 0;
  paused = true;
  readyState = 0;
  addEventListener = () => undefined;
  removeAttribute = () => undefined;
  load = () => undefined;
  pause = () => undefined;

  play(): Promise<void> {
    this.plays += 1;
    return Promise.resolve();
  }
}

afterEach(() => void vi.useRealTimers());

test('a lecture that is to play does so as soon as the server answers, however often it did not', async () => {
  vi.useFakeTimers();
  const session = { session_id: 's', hls_url: '/h', end_url: '/e', heartbeat_url: '/b', heartbeat_interval: 30 } as unknown as PlaybackSession;
  const busy = new Problem(503, 'busy', 'Busy.');
  vi.mocked(openStream).mockRejectedValueOnce(busy).mockRejectedValueOnce(Problem.network()).mockResolvedValue(session);
  const video = new Video();
  const playback = new Playback(video as unknown as HTMLVideoElement, { videoId: 'v' }, () => undefined);
  void playback.open(null, true);
  await vi.advanceTimersByTimeAsync(0);
  expect([playback.reconnecting, video.plays]).toEqual([true, 0]);
  await vi.advanceTimersByTimeAsync(500);
  // The network is back before the next try is due.
  window.dispatchEvent(new Event('online'));
  await vi.waitFor(() => expect(video.plays).toBe(1));
  expect(openStream).toHaveBeenCalledTimes(3);
  playback.close();
});
