import type { PlaybackSession } from '../api/wire';
import { session } from '../session/session.svelte';

const name = 'moocflix.playback';
/** How long a session that was left waits for the next one of this tab, which takes its place. */
const patience = 1000;

/** The playback session of this tab, which plays one lecture at a time: sessions that nobody uses count for a while. */
class Own {
  /** Who opened the last one. */
  #viewer: string | null = null;
  #left: PlaybackSession | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    window.addEventListener('pagehide', () => this.release());
  }

  /** The session that this tab opened last, also before it was reloaded. */
  get id(): string | null {
    try {
      return sessionStorage.getItem(name);
    } catch {
      // Storage may be forbidden; then the session expires later.
      return null;
    }
  }

  /** Keeps the session that was left where it is, until the next one is opened. */
  hold(): void {
    clearTimeout(this.#timer);
  }

  /** Notes the session that was opened, and which one it has replaced. */
  keep(stream: PlaybackSession, replaced: string | null): void {
    if (this.#left?.session_id === replaced) this.#left = null;
    this.release();
    this.#viewer = viewer();
    try {
      sessionStorage.setItem(name, stream.session_id);
    } catch {
      // As above.
    }
  }

  /** Ends a session soon, unless another one takes its place before. */
  leave(stream: PlaybackSession): void {
    this.release();
    this.#left = stream;
    this.#timer = setTimeout(() => this.release(), patience);
  }

  /** Ends the session that was left, unless a sign-out has done so. */
  release(): void {
    clearTimeout(this.#timer);
    if (this.#left !== null && viewer() === this.#viewer) this.end(this.#left);
    this.#left = null;
  }

  /** Ends a session at once, also if the page is closed. */
  end(stream: PlaybackSession): void {
    navigator.sendBeacon(stream.end_url);
  }
}

function viewer(): string | null {
  return session.user?.id ?? null;
}

export const own = new Own();
