import { api } from '../api/client';
import { body, Problem } from '../api/problem';
import type { Video, VideoChange } from '../api/wire';
import { session } from '../session/session.svelte';
import { readEvents } from './events';
import { unsettled } from './state';

const againAfter = 3000;

/** One lecture, kept up to date while something happens to it. */
export class LectureState {
  video = $state.raw<Video | null>(null);
  problem = $state<Problem | null>(null);
  #gone = new AbortController();
  #following = false;

  constructor(
    private readonly id: string,
    /** The key of a shared link, if the lecture was opened by one. */
    private readonly key: string | null = null,
  ) {}

  /** Loads the lecture and follows it; returns a function that stops following. */
  follow(): () => void {
    void this.#follow();
    return () => this.#gone.abort();
  }

  /** Loads a lecture again that could not be loaded, and follows it from then on. */
  retry(): void {
    if (!this.#following) void this.#follow();
  }

  async load(): Promise<void> {
    this.problem = null;
    try {
      this.video = await fetchLecture(this.id, this.key);
    } catch (thrown) {
      const problem = Problem.of(thrown);
      // A lecture on screen stays there if the connection breaks, but not if it was deleted.
      if (this.video === null || problem.status === 404 || problem.status === 410) this.problem = problem;
    }
  }

  async change(fields: VideoChange): Promise<void> {
    const params = { path: { video_id: this.id } };
    this.video = await body(api.PATCH('/api/v1/content/{video_id}', { params, body: fields }));
  }

  async delete(): Promise<void> {
    await body(api.DELETE('/api/v1/content/{video_id}/delete', { params: { path: { video_id: this.id } } }));
    this.#gone.abort();
  }

  /** Retries what failed; returns the problem if the server refuses. */
  async transcode(): Promise<Problem | null> {
    try {
      await body(api.POST('/api/v1/content/{video_id}/transcode', { params: { path: { video_id: this.id } } }));
    } catch (thrown) {
      return Problem.of(thrown);
    }
    await this.load();
    // The lecture had settled, so nothing followed it any more.
    if (!this.#following) void this.#follow();
    return null;
  }

  /** Merges: of a deleted lecture the server sends only its id and status. */
  #take(news: Video): void {
    this.video = { ...this.video, ...news };
  }

  async #follow(): Promise<void> {
    const { signal } = this.#gone;
    this.#following = true;
    await this.load();
    while (!signal.aborted && this.video !== null && this.problem === null && unsettled(this.video)) {
      // Events arrive at once; if they can't be read, as without a sign-in, polling replaces them.
      if (session.state === 'in' && this.key === null) {
        await readEvents(this.id, (video) => this.#take(video), signal).catch(() => undefined);
      }
      if (signal.aborted) break;
      if (this.video !== null && unsettled(this.video)) await pause(againAfter, signal);
      if (!signal.aborted) await this.load();
    }
    this.#following = false;
  }
}

/** The details of a lecture, by the right of who asks or by the key of a shared link. */
function fetchLecture(id: string, key: string | null): Promise<Video> {
  const query = key === null ? {} : { s: key };
  return body(api.GET('/api/v1/content/{video_id}', { params: { path: { video_id: id }, query } }));
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
