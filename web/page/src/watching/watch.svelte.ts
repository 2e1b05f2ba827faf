import { Problem } from '../api/problem';
import { session } from '../session/session.svelte';
import { Played, resumeAt, round, type Interval } from './played';

const sendEvery = 10_000;
/** The server takes no more in one report. */
const mostIntervals = 100;

/** How far somebody has watched a lecture: where it resumes, and what is reported while it plays. */
export class Watch {
  readonly #played = new Played();
  /** Whether the position changed since the last report. */
  #moved = false;
  #playing = false;
  /** Whether the player has reached the position that it opens at. */
  #opened = false;

  constructor(
    private readonly videoId: string,
    /** Called when the server has stored a report. */
    private readonly onstored: () => void = () => undefined,
    /** The key of the link by which the lecture was opened. */
    private readonly key: string | null = null,
  ) {}

  /** The position to resume at; the beginning if nobody knows. */
  async begin(duration: number): Promise<number> {
    if (session.state !== 'in') return 0;
    try {
      const answer = await session.fetch(new Request(this.#address));
      if (!answer.ok) return 0;
      const { position } = (await answer.json()) as { position: number };
      return resumeAt(position, duration);
    } catch {
      return 0;
    }
  }

  /** Reports what is played, every few seconds and when the page is left; returns a function that stops it. */
  follow(video: HTMLVideoElement): () => void {
    const gone = new AbortController();
    const { signal } = gone;
    const on = (name: string, act: () => void) => video.addEventListener(name, act, { signal });
    on('canplay', () => (this.#opened = true));
    on('playing', () => {
      this.#playing = true;
      this.#note(video);
    });
    on('timeupdate', () => this.#note(video));
    on('seeking', () => this.#played.cut());
    on('seeked', () => {
      this.#moved ||= this.#opened;
      if (video.paused) this.#send(video);
    });
    on('pause', () => {
      this.#note(video);
      this.#playing = false;
      this.#played.cut();
      this.#send(video);
    });
    const timer = setInterval(() => this.#send(video), sendEvery);
    document.addEventListener('visibilitychange', () => document.hidden && this.#send(video), { signal });
    window.addEventListener('pagehide', () => this.#send(video), { signal });
    return () => {
      gone.abort();
      clearInterval(timer);
      this.#send(video);
    };
  }

  get #address(): string {
    const link = this.key === null ? '' : `?s=${encodeURIComponent(this.key)}`;
    return `/api/v1/content/${this.videoId}/watch${link}`;
  }

  #note(video: HTMLVideoElement): void {
    // Without media there is no position, and during a seek it is the next one.
    if (!this.#playing || video.readyState === 0 || video.seeking) return;
    this.#played.reach(video.currentTime, video.playbackRate);
    this.#moved = true;
  }

  #send(video: HTMLVideoElement): void {
    if (session.state !== 'in' || !this.#moved || video.readyState === 0) return;
    this.#moved = false;
    const intervals = this.#played.take();
    this.#played.giveBack(intervals.splice(mostIntervals));
    void this.#deliver(video.currentTime, intervals);
  }

  async #deliver(position: number, intervals: Interval[]): Promise<void> {
    try {
      const answer = await session.fetch(this.#report(position, intervals));
      // A refusal is final; a server that can't answer now gets it with the next report.
      if (answer.status >= 500 || answer.status === 429) throw Problem.network();
      if (answer.ok) this.onstored();
    } catch {
      this.#played.giveBack(intervals);
      this.#moved = true;
    }
  }

  #report(position: number, intervals: Interval[]): Request {
    return new Request(this.#address, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ position: round(position), intervals }),
      // The report outlives the page.
      keepalive: true,
    });
  }
}
