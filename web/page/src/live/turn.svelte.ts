import type { Video } from '../api/wire';
import { t } from '../i18n/text';
import { canPlay, isLive, isScheduled } from '../lectures/state';
import { announcer } from '../shell/announcer.svelte';

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

  /** To be made while a component is made; tells its viewers when the lecture has ended. */
  constructor(private readonly video: () => Video | null) {
    let live = false;
    // The stage can't tell: the player of the recording may take its place at the same moment.
    $effect(() => {
      const now = this.video();
      if (now === null) return;
      if (live && (canPlay(now) || now.status === 'processing')) announcer.done(t('live.ended'));
      live = isLive(now);
    });
  }

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
