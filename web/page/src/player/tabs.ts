import { session } from '../session/session.svelte';

interface News {
  videoId: string;
  tab: string;
}

const tab = crypto.getRandomValues(new Uint32Array(2)).join('-');

/**
 * Lets the tabs of a browser know which lectures they open. The server gives one lecture of one sign-in one playback
 * session, so that two tabs that open it again and again would stop each other forever.
 */
export class Tabs {
  readonly #channel = new BroadcastChannel('moocflix-playback');

  constructor(
    private readonly videoId: string,
    /** Called when another tab opens this lecture. */
    onother: () => void,
  ) {
    this.#channel.onmessage = (event: MessageEvent<News>) => {
      if (event.data.videoId === videoId && event.data.tab !== tab) onother();
    };
  }

  /** Announces that this tab opens the lecture. */
  open(): void {
    // Without a sign-in, each tab has a session of its own.
    if (session.state === 'in') this.#channel.postMessage({ videoId: this.videoId, tab } satisfies News);
  }

  close(): void {
    this.#channel.close();
  }
}
