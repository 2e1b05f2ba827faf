import { api } from '../api/client';
import { body, Problem } from '../api/problem';
import { session } from '../session/session.svelte';
import { Played, resumeAt, round, type Interval } from './played';

const sendEvery = 10_000;
/** The server takes no more in one report. */
const mostIntervals = 100;

/** How far somebody has watched a lecture: where it resumes, and what is reported while it plays. */
export class Watch {
  /** Called when the server refuses a report because the viewer may no longer watch the lecture. */
  onlost: (problem: Problem) => void = () => undefined;
  readonly #played = new Played();
  /** Whether the position changed since the last report. */
  #moved = false;
  #playing = false;
  /** Whether the player has reached the position that it opens at. */
  #opened = false;
  /** The last report, sent or on its way. */
  #delivery: Promise<void> = Promise.resolve();

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
    const known = await body(api.GET('/api/v1/content/{video_id}/watch', { params: this.#at })).catch(() => null);
    return known === null ? 0 : resumeAt(known.position, duration);
  }

  /**
   * Reports what is played, every few seconds and when the page is left; returns a function that stops it.
   * Of a live stream, the time that the element shows is not the position in the lecture; `position` returns null while nobody
   * knows it.
   */
  follow(video: HTMLVideoElement, position: () => number | null = () => video.currentTime): () => void {
    const gone = new AbortController();
    const { signal } = gone;
    const send = () => this.#send(video, position());
    const on = (name: string, act: () => void) => video.addEventListener(name, act, { signal });
    on('canplay', () => (this.#opened = true));
    on('playing', () => {
      this.#playing = true;
      this.#note(video, position);
    });
    on('timeupdate', () => this.#note(video, position));
    on('seeking', () => this.#played.cut());
    on('seeked', () => {
      this.#moved ||= this.#opened;
      if (video.paused) send();
    });
    on('pause', () => {
      this.#note(video, position);
      this.#playing = false;
      this.#played.cut();
      send();
    });
    const timer = setInterval(send, sendEvery);
    document.addEventListener('visibilitychange', () => document.hidden && send(), { signal });
    window.addEventListener('pagehide', send, { signal });
    const last = () => {
      send();
      return this.#delivery;
    };
    session.beforeSignOut.add(last);
    return () => {
      gone.abort();
      session.beforeSignOut.delete(last);
      clearInterval(timer);
      send();
      // The player of the recording follows that of the live lecture, and begins elsewhere.
      this.#played.cut();
      this.#playing = false;
      this.#opened = false;
    };
  }

  get #at() {
    return { path: { video_id: this.videoId }, query: this.key === null ? {} : { s: this.key } };
  }

  #note(video: HTMLVideoElement, position: () => number | null): void {
    // Without media there is no position, and during a seek it is the next one.
    if (!this.#playing || video.readyState === 0 || video.seeking) return;
    const at = position();
    if (at === null) return this.#played.cut();
    this.#played.reach(at, video.playbackRate);
    this.#moved = true;
  }

  #send(video: HTMLVideoElement, position: number | null): void {
    if (position === null || session.state !== 'in' || session.leaving || !this.#moved || video.readyState === 0) return;
    this.#moved = false;
    const intervals = this.#played.take();
    this.#played.giveBack(intervals.splice(mostIntervals));
    this.#delivery = this.#deliver(position, intervals);
  }

  async #deliver(position: number, intervals: Interval[]): Promise<void> {
    const report = { position: round(position), intervals };
    try {
      // The report outlives the page.
      await body(api.POST('/api/v1/content/{video_id}/watch', { params: this.#at, body: report, keepalive: true }));
    } catch (thrown) {
      // A sign-in that has ended meanwhile, here or in another tab, is no reason to complain.
      if (session.state !== 'in') return;
      const problem = Problem.of(thrown);
      const { status } = problem;
      if (problem.isBarred) this.onlost(problem);
      // A refusal is final; a server that can't answer now gets it with the next report.
      if (status >= 400 && status < 500 && status !== 429) return;
      this.#played.giveBack(intervals);
      this.#moved = true;
      return;
    }
    this.onstored();
  }
}
