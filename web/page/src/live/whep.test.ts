import { afterEach, expect, test, vi } from 'vitest';
import { receipt } from '../player/receipt';
import { session } from '../session/session.svelte';
import { Whep } from './whep';

/** A connection that offers something, and gets no further. */
class Peer {
  addTransceiver = () => undefined;
  createOffer = () => Promise.resolve({ type: 'offer', sdp: 'v=0' });
  close = () => undefined;
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test('an offer has no headers that another node, to which it is redirected, does not take from other origins', async () => {
  vi.stubGlobal('RTCPeerConnection', Peer);
  vi.stubGlobal('MediaStream', class {});
  const fetched = vi.spyOn(session, 'fetch').mockResolvedValue(new Response('', { status: 409 }));
  // Somebody who has just enrolled has a proof of it, which WebRTC takes no notice of.
  receipt.keep('proof');
  await expect(Whep.open({ videoId: 'v' })).rejects.toMatchObject({ status: 409 });
  const names: string[] = [];
  fetched.mock.calls[0]?.[0].headers.forEach((_value, name) => names.push(name.toLowerCase()));
  expect(names).toEqual(['content-type']);
});
