import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Problem } from '../api/problem';
import type { PlaybackSession } from '../api/wire';
import { openStream } from '../player/stream';
import { LivePlayback } from './playback.svelte';
import { Whep } from './whep';

vi.mock('./whep', () => ({ Whep: { open: vi.fn() } }));
vi.mock('../player/stream', () => ({ openStream: vi.fn(), keepAlive: () => () => undefined, placesOf: () => null }));
vi.mock('../player/own', () => ({ own: { leave: () => undefined, end: () => undefined } }));
/** Segments of 150 seconds, of which the first ones are shown. */
vi.mock('./segments', () => ({
  Segments: class {
    isPlaced = true;
    isFresh = true;
    place = { end: 150, behind: 140 };
    follow = () => undefined;
    close = () => undefined;
  },
}));
vi.mock('hls.js', () => ({ default: { isSupported: () => true } }));

/** A connection that a test loses. */
class Connection {
  stream = {};
  lose: () => void = () => undefined;
  lost = new Promise<void>((resolve) => (this.lose = resolve));
  close = () => Promise.resolve();
  received = () => Promise.resolve(Date.now());
}

/** A video element that counts how often it was made to play. */
class Video {
  plays = 0;
  paused = true;
  srcObject: unknown = null;
  videoWidth = 640;
  readyState = 0;
  currentTime = 0;
  playbackRate = 1;
  muted = false;
  addEventListener = () => undefined;
  removeAttribute = () => undefined;

  play(): Promise<void> {
    this.plays += 1;
    this.paused = false;
    return Promise.resolve();
  }

  pause(): void {
    this.paused = true;
  }
}

const connect = vi.mocked(Whep.open);
const stream = vi.mocked(openStream);
let playback: LivePlayback;
let video: Video;
let connection: Connection;

/** A viewer by WebRTC of a lecture that has lasted for 200 seconds. */
beforeEach(async () => {
  vi.useFakeTimers();
  connect.mockReset();
  connection = new Connection();
  connect.mockResolvedValue(connection as unknown as Whep);
  // The server takes its time.
  stream.mockReset().mockReturnValue(new Promise(() => undefined));
  const began = Date.now() - 200_000;
  video = new Video();
  playback = new LivePlayback(video as unknown as HTMLVideoElement, { videoId: 'v' }, () => began, () => undefined);
  await playback.open();
  await vi.advanceTimersByTimeAsync(1000);
});
afterEach(() => {
  playback.close();
  vi.useRealTimers();
});

test('a connection that is lost during a pause begins nothing to play, and the viewer goes on where they were', async () => {
  expect([playback.path, video.plays]).toEqual(['webrtc', 1]);
  playback.pause();
  connection.lose();
  await vi.advanceTimersByTimeAsync(30_000);
  expect([connect.mock.calls.length, video.plays]).toEqual([1, 1]);
  playback.resume();
  await vi.advanceTimersByTimeAsync(0);
  expect(stream).toHaveBeenCalledTimes(1);
  expect(Math.round(playback.behind)).toBe(30);
});

test('a pause while the connection is opened again lasts', async () => {
  let open: (value: Whep) => void = () => undefined;
  connect.mockReturnValue(new Promise((resolve) => (open = resolve)));
  connection.lose();
  await vi.advanceTimersByTimeAsync(100);
  expect(connect).toHaveBeenCalledTimes(2);
  playback.pause();
  open(new Connection() as unknown as Whep);
  await vi.advanceTimersByTimeAsync(1000);
  expect([playback.path, playback.opening, video.plays]).toEqual(['webrtc', false, 1]);
});

test('whoever drags the slider into the past opens one session', async () => {
  for (const position of [150, 120, 90, 60]) playback.seek(position);
  await vi.advanceTimersByTimeAsync(0);
  expect(stream).toHaveBeenCalledTimes(1);
  expect(Math.round(playback.position)).toBe(60);
});

test('whoever goes back while the server does not answer gets there as soon as it does', async () => {
  stream.mockReset().mockRejectedValueOnce(Problem.network()).mockReturnValue(new Promise(() => undefined));
  playback.seek(60);
  await vi.advanceTimersByTimeAsync(1000);
  expect([connect.mock.calls.length, stream.mock.calls.length]).toEqual([1, 2]);
  expect(Math.round(playback.behind)).toBe(141);
});

test('the position in the recording is known as soon as it is live, and not while the past is being opened', () => {
  expect(Math.round(playback.inRecording ?? 0)).toBe(201);
  playback.seek(60);
  expect(playback.inRecording).toBeNull();
});

test('the time in which nobody published is not in the recording, as segments tell', async () => {
  stream.mockReset().mockResolvedValue({ hls_url: '/p' } as PlaybackSession);
  playback.seek(10);
  await vi.waitFor(() => expect(playback.path).toBe('segments'));
  video.currentTime = 10;
  expect(playback.inRecording).toBe(10);
  await vi.advanceTimersByTimeAsync(500);
  playback.toLive();
  await vi.advanceTimersByTimeAsync(1000);
  expect(playback.path).toBe('webrtc');
  // More than 200 seconds have passed since the beginning.
  expect(playback.inRecording).toBeGreaterThan(150);
  expect(playback.inRecording).toBeLessThan(153);
  expect(playback.length).toBeLessThan(153);
});
