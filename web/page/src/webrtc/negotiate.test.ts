import { afterEach, expect, test, vi } from 'vitest';
import { hasEnded, iceServersOf, refusesMedia } from './negotiate';

afterEach(() => void vi.unstubAllGlobals());

test('a session has ended if the server does not know it, and not while nobody answers', async () => {
  const kept = { url: 'https://node.example.org/whip/1', etag: '"tag"' };
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('offline')));
  expect(await hasEnded(kept)).toBe(false);
  for (const status of [204, 404, 412, 503]) {
    vi.stubGlobal('fetch', () => Promise.resolve({ status }));
    expect(await hasEnded(kept)).toBe(status === 404);
  }
});

test('the relays of a response are those that its links name', () => {
  const link =
    '<turn:relay.example.org:3478?transport=udp>; rel="ice-server"; username="1700000000:v"; credential="a+b/c="; credential-type="password", ' +
    '<stun:relay.example.org>; rel="ice-server", </p/x>; rel="urn:ietf:params:whep:ext"';
  expect(iceServersOf(link)).toEqual([
    { urls: 'turn:relay.example.org:3478?transport=udp', username: '1700000000:v', credential: 'a+b/c=' },
    { urls: 'stun:relay.example.org' },
  ]);
  expect(iceServersOf('')).toEqual([]);
});

test('an answer refuses media whose port is 0', () => {
  const answer = (port: number) =>
    `v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=recvonly\r\nm=video ${port} UDP/TLS/RTP/SAVPF 96\r\na=recvonly\r\n`;
  expect(refusesMedia(answer(0))).toBe(true);
  expect(refusesMedia(answer(9))).toBe(false);
});
