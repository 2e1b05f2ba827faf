import { clock } from '../i18n/format';
import { t } from '../i18n/text';
import type { Act } from './keys';
import { read, write } from './preferences';

export const speeds = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];

const liked = read();
const hideAfter = 3000;
const bubbleFor = 800;

/** What a player shows, and what its controls and keys do. */
export class PlayerState {
  now = $state(0);
  total = $state(0);
  loaded = $state(0);
  paused = $state(true);
  /** Whether it has played. */
  begun = $state(false);
  waiting = $state(false);
  muted = $state(liked.muted);
  volume = $state(liked.volume);
  speed = $state(liked.speed);
  full = $state(false);
  /** Whether the controls are hidden. */
  quiet = $state(false);
  help = $state(false);
  /** What a key has just done, for those who see it. */
  bubble = $state('');
  /** Set as soon as the player is on the page. */
  video = $state.raw<HTMLVideoElement | null>(null);
  box = $state.raw<HTMLElement | null>(null);

  #hiding: ReturnType<typeof setTimeout> | undefined;
  #fading: ReturnType<typeof setTimeout> | undefined;
  /** Whether the last key was one of the player's, so that a ring around a control no longer shows where somebody is. */
  #byShortcut = false;

  constructor(
    /** The length according to the server, until the media has loaded. */
    private readonly given: () => { duration: number; hasPicture: boolean },
    private readonly leave: (where: 'next' | 'previous') => void,
    /** The element around the player that fills the screen for it, if there is one. */
    private readonly screen: () => HTMLElement | null = () => null,
  ) {}

  get length(): number {
    return this.total || this.given().duration;
  }

  /** The position that a jump starts from. */
  get at(): number {
    return this.video?.currentTime ?? 0;
  }

  /** Applies volume and speed to the media, and remembers them. */
  apply(): void {
    const video = this.video;
    if (video === null) return;
    video.volume = this.volume;
    video.muted = this.muted;
    video.defaultPlaybackRate = this.speed;
    video.playbackRate = this.speed;
    write({ volume: this.volume, muted: this.muted, speed: this.speed });
  }

  toggle(): void {
    if (this.video?.paused) void this.video.play().catch(() => undefined);
    else this.video?.pause();
  }

  seek(position: number): void {
    const video = this.video;
    if (video === null) return;
    const ranges = video.seekable;
    const end = ranges.length > 0 ? ranges.end(ranges.length - 1) : this.length;
    // The rest of a lecture that is still being encoded does not exist yet.
    const last = end < this.length - 1 ? end - 1 : this.length;
    this.now = Math.min(last, Math.max(0, position));
    video.currentTime = this.now;
  }

  setVolume(volume: number): void {
    this.volume = Math.min(1, Math.max(0, volume));
    this.muted = this.volume === 0;
  }

  async toggleFull(): Promise<void> {
    const screen = this.screen() ?? this.box;
    if (document.fullscreenElement) await document.exitFullscreen();
    else if (screen?.requestFullscreen) await screen.requestFullscreen().catch(() => undefined);
    // iPhones only support full screen for the video element itself.
    else (this.video as (HTMLVideoElement & { webkitEnterFullscreen?: () => void }) | null)?.webkitEnterFullscreen?.();
  }

  /** Notes whether the player fills the screen. */
  noteFull(): void {
    const screen = this.screen() ?? this.box;
    this.full = screen !== null && document.fullscreenElement === screen;
  }

  /** Runs what a key stands for, and shows what it did. */
  run(act: Act): void {
    this.#byShortcut = true;
    switch (act.do) {
      case 'toggle':
        this.toggle();
        return;
      case 'mute':
        this.muted = !this.muted;
        return this.#show(t(this.muted ? 'player.muted' : 'player.unmuted'));
      case 'full':
        return void this.toggleFull();
      case 'help':
        this.help = true;
        return;
      case 'next':
      case 'previous':
        return this.leave(act.do);
      case 'seek':
        this.seek(this.at + act.by);
        return this.#show(t(act.by < 0 ? 'player.back' : 'player.ahead', { seconds: Math.abs(act.by) }));
      case 'seekTo':
        this.seek(this.length * act.share);
        return this.#show(clock(this.now));
      case 'volume':
        this.setVolume(this.volume + act.by);
        return this.#show(t('player.volumeValue', { percent: Math.round(this.volume * 100) }));
      case 'speed':
        this.speed = speeds[Math.min(speeds.length - 1, Math.max(0, speeds.indexOf(this.speed) + act.step))] ?? 1;
        this.#show(t('player.speedValue', { speed: this.speed }));
    }
  }

  /** Notes a key that is none of the player's. */
  noteKey(event: KeyboardEvent): void {
    if (event.key === 'Tab') this.#byShortcut = false;
  }

  /** Shows the controls, and hides them again after a while of undisturbed playback. */
  wake(): void {
    this.quiet = false;
    clearTimeout(this.#hiding);
    this.#hiding = setTimeout(() => this.hide(), hideAfter);
  }

  /** Hides the controls during playback, unless somebody is using one of them with the keyboard. */
  hide(): void {
    const isUsed = !this.#byShortcut && this.box?.querySelector('.controls :focus-visible') !== null;
    this.quiet = this.given().hasPicture && this.video?.paused === false && !isUsed && !this.help;
  }

  noteLoaded(): void {
    const video = this.video;
    if (video === null) return;
    const ranges = video.buffered;
    for (let n = 0; n < ranges.length; n += 1) {
      if (ranges.start(n) <= video.currentTime + 0.5 && ranges.end(n) >= video.currentTime) this.loaded = ranges.end(n);
    }
  }

  noteTime(): void {
    // Without media there is no position; the last one still counts.
    if (this.video === null || this.video.readyState === 0) return;
    this.now = this.video.currentTime;
    this.noteLoaded();
  }

  close(): void {
    clearTimeout(this.#hiding);
    clearTimeout(this.#fading);
  }

  #show(text: string): void {
    this.bubble = text;
    clearTimeout(this.#fading);
    this.#fading = setTimeout(() => (this.bubble = ''), bubbleFor);
  }
}
