import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Publisher } from './publisher.svelte';
import { Whip, type Media } from './whip';
import type { Why } from './why';

vi.mock('./whip', () => ({ Whip: { open: vi.fn() } }));

/** A session that a test loses, and that the server may have ended. */
class Session {
  peer = { connectionState: 'connected', getStats: () => Promise.resolve(new Map()) };
  lose: () => void = () => undefined;
  lost = new Promise<void>((resolve) => (this.lose = resolve));

  constructor(private readonly isEnded: boolean) {}

  hasEnded = () => Promise.resolve(this.isEnded);
  close = () => undefined;
  drop = () => undefined;
}

const media = { stream: {}, shows: 'camera' } as unknown as Media;
const open = vi.mocked(Whip.open);

beforeEach(() => {
  vi.useFakeTimers();
  open.mockReset();
});
afterEach(() => void vi.useRealTimers());

/** Publishes, loses the session, and gives the publisher time to come back. */
async function lose(session: Session, why: Why): Promise<Publisher> {
  open.mockResolvedValueOnce(session as unknown as Whip).mockResolvedValue(new Session(false) as unknown as Whip);
  const publisher = new Publisher(() => '/whip', () => Promise.resolve(why));
  publisher.start(media);
  await vi.advanceTimersByTimeAsync(0);
  expect(publisher.state).toBe('live');
  session.lose();
  await vi.advanceTimersByTimeAsync(1000);
  return publisher;
}

test('who comes back after a loss leaves the lecture to another place that has taken over', async () => {
  const publisher = await lose(new Session(true), 'replaced');
  expect(publisher.state).toBe('replaced');
  expect(open).toHaveBeenCalledTimes(1);
});

test('who comes back while the server keeps the session goes on', async () => {
  const publisher = await lose(new Session(false), 'replaced');
  expect(publisher.state).toBe('live');
  expect(open).toHaveBeenCalledTimes(2);
  publisher.close();
});

test('who comes back to a server that has forgotten the session, and that nobody publishes to, goes on', async () => {
  const publisher = await lose(new Session(true), null);
  expect(publisher.state).toBe('live');
  expect(open).toHaveBeenCalledTimes(2);
  publisher.close();
});

test('whoever begins again takes over, whoever publishes', async () => {
  const publisher = await lose(new Session(true), 'replaced');
  publisher.start(media);
  await vi.advanceTimersByTimeAsync(0);
  expect(publisher.state).toBe('live');
  publisher.close();
});
