import { api } from '../api/client';
import { body, Problem } from '../api/problem';
import type { Video } from '../api/wire';
import { readEvents } from './events';
import { unsettled } from './state';

const againAfter = 3000;

/** One lecture, kept up to date while something happens to it. */
export class LectureState {
  video = $state.raw<Video | null>(null);
  problem = $state<Problem | null>(null);
  #gone = new AbortController();
  #following = false;

  constructor(private readonly id: string) {}

  /** Loads it and follows it; returns the end of it. */
  follow(): () => void {
    void this.#follow();
    return () => this.#gone.abort();
  }

  async load(): Promise<void> {
    this.problem = null;
    try {
      this.video = await body(api.GET('/api/v1/content/{video_id}', { params: { path: { video_id: this.id } } }));
    } catch (thrown) {
      const problem = Problem.of(thrown);
      // A lecture that is shown stays when the line breaks; one that is gone doesn't.
      if (this.video === null || problem.status === 404 || problem.status === 410) this.problem = problem;
    }
  }

  async change(title: string, description: string): Promise<void> {
    const params = { path: { video_id: this.id } };
    this.video = await body(api.PATCH('/api/v1/content/{video_id}', { params, body: { title, description } }));
  }

  async delete(): Promise<void> {
    await body(api.DELETE('/api/v1/content/{video_id}/delete', { params: { path: { video_id: this.id } } }));
    this.#gone.abort();
  }

  /** Has what failed tried again; the problem where that was refused. */
  async transcode(): Promise<Problem | null> {
    try {
      await body(api.POST('/api/v1/content/{video_id}/transcode', { params: { path: { video_id: this.id } } }));
    } catch (thrown) {
      return Problem.of(thrown);
    }
    await this.load();
    // What was over goes on.
    if (!this.#following) void this.#follow();
    return null;
  }

  /** Of a deleted lecture the server tells no more than that. */
  #take(told: Video): void {
    this.video = { ...this.video, ...told };
  }

  async #follow(): Promise<void> {
    const { signal } = this.#gone;
    this.#following = true;
    await this.load();
    while (!signal.aborted && this.video !== null && this.problem === null && unsettled(this.video)) {
      // Events tell at once; where they can't be read, asking again does.
      await readEvents(this.id, (video) => this.#take(video), signal).catch(() => undefined);
      if (signal.aborted) break;
      if (this.video !== null && unsettled(this.video)) await pause(againAfter, signal);
      if (!signal.aborted) await this.load();
    }
    this.#following = false;
  }
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
