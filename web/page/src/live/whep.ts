import { Problem } from '../api/problem';
import { t } from '../i18n/text';
import type { Source } from '../player/stream';
import { session } from '../session/session.svelte';
import { connected, hangUp, lost, negotiate, type Negotiated } from '../webrtc/negotiate';
import { Cushion } from './cushion';

/** How long WebRTC may take before segments are faster. Units: milliseconds */
const patience = 3000;

/** A connection that receives a live lecture. */
export class Whep {
  /** Resolves when it has been lost, or the server has ended it. */
  readonly lost: Promise<void>;
  readonly #cushion = new Cushion();

  private constructor(
    private readonly peer: RTCPeerConnection,
    readonly stream: MediaStream,
    private readonly kept: Negotiated,
  ) {
    this.lost = lost(peer);
  }

  /** Connects; resolves as soon as media can flow. */
  static async open(source: Source): Promise<Whep> {
    if (typeof RTCPeerConnection === 'undefined') throw blocked();
    const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    const stream = new MediaStream();
    peer.ontrack = ({ track }) => stream.addTrack(track);
    for (const kind of ['video', 'audio']) peer.addTransceiver(kind, { direction: 'recvonly' });
    let kept: Negotiated | null = null;
    try {
      kept = await negotiate(peer, (sdp) => post(source, sdp));
      if (await connected(peer, patience)) return new Whep(peer, stream, kept);
      throw blocked();
    } catch (thrown) {
      peer.close();
      if (kept !== null) void hangUp(kept);
      // A browser that lacks a codec now lacks it later, too: like the network, it leaves no more than segments.
      throw Problem.of(thrown).code === 'unsupported_offer' ? blocked() : thrown;
    }
  }

  /** Counts what has arrived, so that silence is noticed, and gives what was lost the time to come again. */
  async received(): Promise<number> {
    const report = await this.peer.getStats();
    const wait = this.#cushion.look(report, performance.now());
    for (const receiver of this.peer.getReceivers()) receiver.jitterBufferTarget = wait;
    let bytes = 0;
    report.forEach((each: { type: string; bytesReceived?: number }) => {
      if (each.type === 'inbound-rtp') bytes += each.bytesReceived ?? 0;
    });
    return bytes;
  }

  /** Resolves when the server knows. */
  async close(): Promise<void> {
    // The server ends a session whose peer has closed, and would not know it any more.
    await hangUp(this.kept);
    this.peer.close();
  }
}

/** The network lets no media through, or the browser knows no WebRTC with the codecs of live lectures. */
function blocked(): Problem {
  return new Problem(0, 'no_media', t('live.opening'));
}

/** Sends no header that the server has no use for: where another node holds the lecture, the browser would ask it first. */
function post({ videoId, key }: Source, sdp: string): Promise<Response> {
  const headers = { 'Content-Type': 'application/sdp' };
  const query = key ? `?s=${encodeURIComponent(key)}` : '';
  return session.fetch(new Request(`/api/v1/content/live/${videoId}/whep${query}`, { method: 'POST', headers, body: sdp }));
}
