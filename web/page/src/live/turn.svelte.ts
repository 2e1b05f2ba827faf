import type { Video } from '../api/wire';
import { isLive, isScheduled } from '../lectures/state';

/** Where somebody was in a lecture when they last saw it live. */
export interface Left {
  /** Units: seconds */
  position: number;
  isLive: boolean;
  isPlaying: boolean;
}

/** The part of a lecture's life that is live: announced, live, and until its recording can be watched. */
export class Turn {
  /** Where the recording goes on for somebody who has watched it live. */
  left: Left | null = null;
  #wasLive = $state(false);

  constructor(private readonly video: () => Video | null) {}

  /** Whether the lecture is shown as a live one. */
  get isNow(): boolean {
    const video = this.video();
    if (video === null) return false;
    return isScheduled(video) || isLive(video) || (this.#wasLive && video.status === 'processing');
  }

  note(left: Left): void {
    this.left = left;
    this.#wasLive = true;
  }
}
