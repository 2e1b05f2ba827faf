import { Problem } from '../api/problem';
import { t } from '../i18n/text';

/** The session that the server keeps for a peer connection. */
export interface Negotiated {
  /** A DELETE ends the session. */
  url: string;
  etag: string | null;
}

/** Offers a connection by WHIP or WHEP: the offer is posted, and the response holds the answer. */
export async function negotiate(peer: RTCPeerConnection, post: (offer: string) => Promise<Response>): Promise<Negotiated> {
  const offer = await peer.createOffer();
  const response = await post(offer.sdp ?? '');
  const text = await response.text();
  const place = response.headers.get('Location');
  if (!response.ok || place === null) throw Problem.parse(response.status, text, response.headers.get('Retry-After'));
  const kept = { url: new URL(place, response.url || location.href).href, etag: response.headers.get('ETag') };
  if (refusesMedia(text)) {
    await hangUp(kept);
    throw new Problem(422, 'unsupported_offer', t('code.unsupported_offer'));
  }
  // The response names the relays, so the browser looks for its own addresses only now. The server waits to be
  // contacted and needs none of them in the offer.
  const iceServers = iceServersOf(response.headers.get('Link') ?? '');
  if (iceServers.length > 0) peer.setConfiguration({ ...peer.getConfiguration(), iceServers });
  await peer.setLocalDescription(offer);
  await peer.setRemoteDescription({ type: 'answer', sdp: text });
  return kept;
}

/**
 * Whether an answer takes only a part of what was offered, whose ports it sets to 0 (RFC 8829). A browser without H.264 would
 * broadcast sound alone, or show nothing, and nobody would be told. The answer itself says so in every browser, while some forget
 * the transceivers that it has stopped.
 */
export function refusesMedia(answer: string): boolean {
  return /^m=\S+ 0 /m.test(answer);
}

/**
 * Ends a session; resolves when the server knows. The secret in the address is enough, and it may be the address of another
 * node, where the bearer has no business.
 */
export async function hangUp({ url }: Negotiated): Promise<void> {
  await fetch(url, { method: 'DELETE', keepalive: true, signal: AbortSignal.timeout(2000) }).catch(() => undefined);
}

/**
 * Whether the server has ended a session, as its answer to candidates shows, which it does not need. While it can't be reached,
 * nobody knows, and the session counts as open.
 */
export async function hasEnded({ url, etag }: Negotiated): Promise<boolean> {
  const headers = { 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': etag ?? '' };
  const asked = fetch(url, { method: 'PATCH', headers, body: '', signal: AbortSignal.timeout(2000) });
  return (await asked.catch(() => null))?.status === 404;
}

/** The relays in a `Link` header, as RFC 9725 writes them. */
export function iceServersOf(link: string): RTCIceServer[] {
  const servers: RTCIceServer[] = [];
  for (const part of link.split(/,\s*(?=<)/)) {
    const [, urls, rest] = /^\s*<([^>]+)>(.*)$/.exec(part) ?? [];
    if (urls === undefined || rest === undefined || !/;\s*rel="?ice-server"?/.test(rest)) continue;
    const of = (name: string) => new RegExp(`;\\s*${name}="([^"]*)"`).exec(rest)?.[1];
    const username = of('username');
    const credential = of('credential');
    servers.push(username === undefined ? { urls } : { urls, username, credential });
  }
  return servers;
}

/** Waits until media can flow; false if that takes too long or can't be. */
export function connected(peer: RTCPeerConnection, patience: number): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (result: boolean) => {
      clearTimeout(timer);
      peer.removeEventListener('connectionstatechange', look);
      resolve(result);
    };
    const look = () => {
      if (peer.connectionState === 'connected') end(true);
      else if (peer.connectionState === 'failed' || peer.connectionState === 'closed') end(false);
    };
    const timer = setTimeout(() => end(false), patience);
    peer.addEventListener('connectionstatechange', look);
    look();
  });
}

/** A short loss of the network mends itself; after this time, a new connection is faster. */
const mends = 1500;

/** Resolves when a connection has been lost: its other end has closed it, or nothing arrives any more. */
export function lost(peer: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      clearTimeout(timer);
      const transports = [...peer.getSenders(), ...peer.getReceivers()].map((each) => each.transport?.state);
      if (peer.connectionState === 'failed' || transports.some((state) => state === 'closed' || state === 'failed')) resolve();
      else if (peer.connectionState === 'disconnected') timer = setTimeout(resolve, mends);
    };
    peer.addEventListener('connectionstatechange', look);
    for (const { transport } of [...peer.getSenders(), ...peer.getReceivers()]) transport?.addEventListener('statechange', look);
    look();
  });
}
