import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { session } from '../session/session.svelte';
import { Watch } from './watch.svelte';

const user = { id: 'u1', email: 'ada@example.org', name: 'Ada', roles: ['learner'] };
const json = (status: number, body: unknown) => new Response(JSON.stringify(body), { status });
const tokens = () => json(200, { access_token: 'first', token_type: 'Bearer', expires_in: 300, user });
let asked: string[];
/** The reports. */
let sent: unknown[];
let report: () => Promise<Response>;

beforeEach(async () => {
  asked = [];
  sent = [];
  report = async () => new Response(null, { status: 204 });
  vi.stubGlobal('fetch', async (request: Request) => {
    const path = new URL(request.url).pathname;
    asked.push(path);
    if (path.endsWith('/watch')) {
      void request.clone().json().then((body) => sent.push(body));
      return report();
    }
    if (path.endsWith('/login')) return tokens();
    return path.endsWith('/logout') ? new Response(null, { status: 204 }) : json(400, { error: 'invalid_grant' });
  });
  await session.signIn('ada@example.org', 'a long password');
  asked = [];
});

afterEach(() => session.end(null));

/** A player at some place of a lecture. */
function playing(watch: Watch, position?: () => number | null): { video: HTMLVideoElement; unwatch: () => void } {
  const video = document.createElement('video');
  Object.defineProperties(video, {
    readyState: { value: 4 },
    currentTime: { value: 12, writable: true },
    paused: { value: false },
    seeking: { value: false },
  });
  const unwatch = watch.follow(video, position);
  video.dispatchEvent(new Event('playing'));
  return { video, unwatch };
}

test('the position is reported before a sign-out ends the session', async () => {
  const { unwatch } = playing(new Watch('v1'));
  await session.signOut();
  expect(asked).toEqual(['/api/v1/content/v1/watch', '/api/v1/users/logout']);
  unwatch();
  expect(asked).toHaveLength(2);
});

test('a report that gets no answer keeps nobody signed in', async () => {
  const { unwatch } = playing(new Watch('v1'));
  report = () => new Promise(() => undefined);
  vi.useFakeTimers();
  const signedOut = session.signOut();
  await vi.advanceTimersByTimeAsync(2000);
  vi.useRealTimers();
  await signedOut;
  expect(asked).toEqual(['/api/v1/content/v1/watch', '/api/v1/users/logout']);
  expect(session.state).toBe('out');
  unwatch();
});

test('a report that meets a sign-out of another tab is dropped', async () => {
  const watch = new Watch('v1');
  const lost = vi.fn();
  watch.onlost = lost;
  let refuse: (answer: Response) => void = () => undefined;
  report = () => new Promise((resolve) => (refuse = resolve));
  const { video, unwatch } = playing(watch);
  video.dispatchEvent(new Event('pause'));
  await vi.waitFor(() => expect(asked).toHaveLength(1));
  session.end(null);
  refuse(json(401, { code: 'unauthenticated' }));
  unwatch();
  await new Promise((resolve) => setTimeout(resolve));
  expect(lost).not.toHaveBeenCalled();
});

test('what was seen live is reported by its place in the recording, also by the player that follows', async () => {
  const watch = new Watch('v1');
  let at: number | null = 100;
  const live = playing(watch, () => at);
  at = 101;
  live.video.dispatchEvent(new Event('timeupdate'));
  at = null;
  live.video.dispatchEvent(new Event('timeupdate'));
  live.unwatch();
  expect(asked, 'nobody knows where it is').toEqual([]);
  const recording = playing(watch);
  recording.unwatch();
  await vi.waitFor(() => expect(sent).toEqual([{ position: 12, intervals: [[100, 101]] }]));
});

test('a player that opens where the one before it was has played nothing yet', async () => {
  const watch = new Watch('v1');
  playing(watch).unwatch();
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  const video = document.createElement('video');
  Object.defineProperties(video, { readyState: { value: 4 }, currentTime: { value: 14 }, seeking: { value: false } });
  const unwatch = watch.follow(video);
  for (const name of ['timeupdate', 'seeked', 'canplay']) video.dispatchEvent(new Event(name));
  unwatch();
  expect(asked).toHaveLength(1);
});
