import { Problem } from '../api/problem';
import { t } from '../i18n/text';
import { session } from '../session/session.svelte';
import { connected, hangUp, hasEnded, lost, negotiate, type Negotiated } from '../webrtc/negotiate';

/** What is published: sound and picture, and what the picture shows. */
export interface Media {
  stream: MediaStream;
  shows: 'camera' | 'screen';
}

const patience = 10_000;
/** The layers of a camera's picture, from the smallest to the whole; each viewer gets what their line carries. */
const layers: RTCRtpEncodingParameters[] = [
  { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 2_500_000 },
];
const single: RTCRtpEncodingParameters[] = [{ maxBitrate: 2_500_000 }];

/** A connection that publishes. */
export class Whip {
  /** Resolves when it has been lost, or somebody else has ended it. */
  readonly lost: Promise<void>;

  private constructor(
    readonly peer: RTCPeerConnection,
    private readonly kept: Negotiated,
  ) {
    this.lost = lost(peer);
  }

  /** Publishes; resolves as soon as media flows. */
  static async open(url: string, media: Media): Promise<Whip> {
    const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    try {
      await add(peer, media);
      const kept = await negotiate(peer, (sdp) => post(url, sdp));
      const whip = new Whip(peer, kept);
      if (await connected(peer, patience)) return whip;
      void hangUp(kept);
      throw new Problem(0, 'no_media', t('studio.noMedia'));
    } catch (thrown) {
      peer.close();
      throw thrown;
    }
  }

  /** Exchanges what is shown, without a new connection. */
  async replace(stream: MediaStream): Promise<void> {
    for (const sender of this.peer.getSenders()) {
      const kind = sender.track?.kind;
      const track = stream.getTracks().find((each) => each.kind === kind);
      if (track !== undefined && track !== sender.track) await sender.replaceTrack(track);
    }
  }

  /** Whether this connection carries the same kinds of media. */
  fits(stream: MediaStream): boolean {
    const kinds = (tracks: (MediaStreamTrack | null)[]) => tracks.flatMap((track) => (track === null ? [] : [track.kind])).sort().join();
    return kinds(this.peer.getSenders().map((sender) => sender.track)) === kinds(stream.getTracks());
  }

  /** Whether the server no longer keeps its session: another place may have taken over. */
  hasEnded(): Promise<boolean> {
    return hasEnded(this.kept);
  }

  close(): void {
    this.peer.close();
    void hangUp(this.kept);
  }

  /** Lets go of a connection whose session is over, or whose place another one has taken. */
  drop(): void {
    this.peer.close();
  }
}

function post(url: string, sdp: string): Promise<Response> {
  return session.fetch(new Request(url, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: sdp }));
}

async function add(peer: RTCPeerConnection, { stream, shows }: Media): Promise<void> {
  const streams = [stream];
  for (const track of stream.getAudioTracks()) peer.addTransceiver(track, { direction: 'sendonly', streams });
  for (const track of stream.getVideoTracks()) {
    const sendEncodings = shows === 'camera' ? layers : single;
    const transceiver = peer.addTransceiver(track, { direction: 'sendonly', streams, sendEncodings });
    preferH264(transceiver);
    await keep(transceiver.sender, shows === 'camera' ? 'balanced' : 'maintain-resolution');
  }
}

/** H.264 comes first: every player can decode it, also from the segments. */
function preferH264(transceiver: RTCRtpTransceiver): void {
  const codecs = RTCRtpSender.getCapabilities('video')?.codecs ?? [];
  const rank = ({ mimeType, sdpFmtpLine }: RTCRtpCodec) => {
    if (mimeType.toLowerCase() !== 'video/h264') return 2;
    return sdpFmtpLine?.includes('packetization-mode=1') ? 0 : 1;
  };
  if (codecs.length > 0) transceiver.setCodecPreferences(codecs.toSorted((a, b) => rank(a) - rank(b)));
}

/** What is given up first on a weak line: letters on a slide stay sharp, a person keeps moving. */
async function keep(sender: RTCRtpSender, wish: RTCDegradationPreference): Promise<void> {
  try {
    await sender.setParameters({ ...sender.getParameters(), degradationPreference: wish });
  } catch {
    // Some browsers don't know this wish; the track's content hint says the same.
  }
}
