import { untrack } from 'svelte';
import type { Act } from '../player/keys';
import { PlayerState } from '../player/player.svelte';
import type { LivePlayback } from './playback.svelte';

/** A player whose end is now: it seeks in what was recorded so far, and plays live at the speed of life. */
export class LivePlayerState extends PlayerState {
  /** Set with the player. */
  playback = $state.raw<LivePlayback | null>(null);

  override get length(): number {
    return this.playback?.length ?? 0;
  }

  override get at(): number {
    return this.playback?.position ?? 0;
  }

  override apply(): void {
    const video = this.video;
    if (video === null) return;
    super.apply();
    // How far behind it is changes all the time, and must not set the speed anew.
    const { silenced, isLive } = untrack(() => ({ silenced: this.playback?.silenced, isLive: this.playback?.isLive }));
    if (silenced) video.muted = true;
    // While it is live, the player of segments keeps it close to live.
    if (isLive ?? true) video.playbackRate = 1;
  }

  override toggle(): void {
    if (this.video?.paused) this.playback?.resume();
    else this.playback?.pause();
  }

  /** Whoever turns the volume up wants to hear something. */
  override setVolume(volume: number): void {
    super.setVolume(volume);
    if (!this.muted) this.playback?.unsilence();
  }

  override run(act: Act): void {
    if (act.do === 'mute' && this.playback?.silenced) {
      // The key turns the sound on that the browser has silenced.
      this.muted = true;
      this.playback.unsilence();
    }
    super.run(act);
  }

  override seek(position: number): void {
    this.now = Math.min(this.length, Math.max(0, position));
    this.playback?.seek(this.now);
  }
}
