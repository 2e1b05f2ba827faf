import { api } from '../api/client';
import { body, Problem } from '../api/problem';
import type { Video } from '../api/wire';
import { canPlay } from '../lectures/state';

const pollEvery = 3000;

/** What became of an uploaded lecture: asks until it can be watched or has failed. */
export class Outcome {
  video = $state.raw<Video | null>(null);

  /** Asks every few seconds; returns a function that stops it. */
  follow(id: string): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stopped = false;
    const look = async () => {
      const goesOn = await this.#look(id);
      if (goesOn && !stopped) timer = setTimeout(() => void look(), pollEvery);
    };
    void look();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }

  async #look(id: string): Promise<boolean> {
    try {
      this.video = await body(api.GET('/api/v1/content/{video_id}', { params: { path: { video_id: id } } }));
    } catch (thrown) {
      const { status } = Problem.of(thrown);
      return status !== 404 && status !== 410;
    }
    return !canPlay(this.video) && this.video.status !== 'failed';
  }
}
