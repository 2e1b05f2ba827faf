import type Hls from 'hls.js';
import type { ErrorData, HlsConfig } from 'hls.js';

/** Where a player of segments begins: live, or this far behind. Units: seconds */
export type Behind = number | null;

const fastest = 1.5;
const longestWait = 8000;
/** A second decoding error within this time is final. Units: milliseconds */
const mendWindow = 10_000;

function settings(): Partial<HlsConfig> {
  return {
    enableWorker: false,
    lowLatencyMode: true,
    // A little faster until it is as close to live as it should be.
    maxLiveSyncPlaybackRate: fastest,
    liveDurationInfinity: true,
    maxBufferLength: 30,
    maxMaxBufferLength: 60,
    backBufferLength: 90,
    capLevelToPlayerSize: true,
  };
}

/** What a player of segments reports. */
export interface Reports {
  /** The server refuses the session. */
  refused: () => void;
  /** There is nothing to play yet. */
  missing: () => void;
  /** Media can't be loaded now, or can again. */
  waiting: (isWaiting: boolean) => void;
  /** The browser can't decode it. */
  broken: () => void;
}

/** Plays a live lecture from its segments: a second or two behind, and back to its beginning. */
export class Segments {
  readonly #hls: Hls;
  #attempt = 0;
  #mendedAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether it is at the position where it begins. */
  isPlaced = false;

  constructor(
    private readonly Player: typeof Hls,
    private readonly video: HTMLVideoElement,
    url: string,
    behind: Behind,
    private readonly reports: Reports,
  ) {
    const hls = new Player(settings());
    this.#hls = hls;
    this.follow(behind === null);
    hls.on(Player.Events.ERROR, (_name, data) => this.#failed(data));
    hls.on(Player.Events.FRAG_BUFFERED, () => {
      this.#attempt = 0;
      reports.waiting(false);
      this.#begin(behind);
    });
    hls.attachMedia(video);
    hls.loadSource(url);
  }

  /** The end of the lecture so far, and how far behind the picture is; null until it is known. Units: seconds */
  get place(): { end: number; behind: number } | null {
    const details = this.#hls.latestLevelDetails;
    if (details === null || this.video.readyState === 0) return null;
    const end = details.edge + Math.min(details.age, details.targetduration);
    return { end, behind: Math.max(0, end - this.video.currentTime) };
  }

  /** Whether new media keep coming. */
  get isFresh(): boolean {
    const details = this.#hls.latestLevelDetails;
    return details === null || details.age < Math.max(2, 3 * (details.partTarget || details.targetduration));
  }

  /** Whether it stays close to live, or plays at the viewer's own speed. */
  follow(isLive: boolean): void {
    this.#hls.config.maxLiveSyncPlaybackRate = isLive ? fastest : 1;
  }

  toLive(): void {
    this.follow(true);
    const position = this.#hls.liveSyncPosition;
    if (position !== null) this.video.currentTime = position;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#hls.destroy();
  }

  /** Goes to the first position: how far behind live it is, only the playlist knows. */
  #begin(behind: Behind): void {
    const details = this.#hls.latestLevelDetails;
    if (this.isPlaced || details === null) return;
    this.isPlaced = true;
    if (behind !== null) this.video.currentTime = placeBehind(details.fragments, details.edge, behind);
  }

  #failed(data: ErrorData): void {
    const { ErrorTypes } = this.Player;
    const status = data.response?.code ?? 0;
    if (status === 403 || status === 410) this.reports.refused();
    else if (data.fatal && data.type === ErrorTypes.NETWORK_ERROR) this.#loadAgain(status === 0);
    else if (data.fatal && data.type === ErrorTypes.MEDIA_ERROR) this.#mend();
    else if (data.fatal) this.reports.broken();
  }

  #loadAgain(isCutOff: boolean): void {
    // A server that answers waits for the teacher, as the viewer does.
    this.reports.waiting(isCutOff);
    // Without a playlist there is nothing to continue, so the session is opened again.
    if (this.#hls.levels.length === 0) return this.reports.missing();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#hls.startLoad(), Math.min(longestWait, 500 * 2 ** this.#attempt++));
  }

  #mend(): void {
    const now = performance.now();
    if (this.#mendedAt > 0 && now - this.#mendedAt < mendWindow) return this.reports.broken();
    this.#mendedAt = now;
    this.#hls.recoverMediaError();
  }
}

interface Fragment {
  start: number;
  duration: number;
  programDateTime: number | null;
}

/**
 * The position that was live some seconds ago. The lecture's own clock stands still while nobody publishes, so the clock of
 * its segments counts, if they have one.
 */
export function placeBehind(fragments: Fragment[], edge: number, behind: number): number {
  const last = fragments.findLast((each) => each.programDateTime !== null);
  const plain = Math.max(0, edge - behind);
  if (last?.programDateTime == null) return plain;
  const wanted = last.programDateTime + (edge - last.start - behind) * 1000;
  const found = fragments.findLast((each) => each.programDateTime !== null && each.programDateTime <= wanted);
  if (found?.programDateTime == null) return fragments[0]?.start ?? plain;
  return found.start + Math.min(found.duration, (wanted - found.programDateTime) / 1000);
}
