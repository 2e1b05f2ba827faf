import { api } from '../api/client';
import { body, Problem } from '../api/problem';

/** How many pages of people are read to find names. */
const mostPages = 10;

/** The names of people and the titles of lectures in the log, loaded as they are needed. */
export class Names {
  people = $state.raw<ReadonlyMap<string, string>>(new Map());
  /** null: the lecture was deleted. */
  lectures = $state.raw<ReadonlyMap<string, string | null>>(new Map());
  #cursor: string | null | undefined;
  #pages = 0;
  #asked = new Set<string>();

  /** Loads what is missing; a name that can't be loaded is replaced by an id on the page. */
  async load(people: string[], lectures: string[]): Promise<void> {
    await Promise.all([this.#loadPeople(people), this.#loadLectures(lectures)]).catch(() => undefined);
  }

  async #loadPeople(ids: string[]): Promise<void> {
    const isMissing = () => ids.some((id) => !this.people.has(id));
    while (isMissing() && this.#cursor !== null && this.#pages < mostPages) {
      const more = this.#cursor === undefined ? {} : { cursor: this.#cursor };
      const page = await body(api.GET('/api/v1/users', { params: { query: { limit: 100, ...more } } }));
      this.#pages += 1;
      this.#cursor = page.next_cursor ?? null;
      this.people = new Map([...this.people, ...page.items.map((person) => [person.id, person.name] as const)]);
    }
  }

  async #loadLectures(ids: string[]): Promise<void> {
    for (const id of new Set(ids)) {
      if (this.#asked.has(id)) continue;
      this.#asked.add(id);
      const title = await titleOf(id);
      if (title !== undefined) this.lectures = new Map([...this.lectures, [id, title]]);
    }
  }
}

async function titleOf(id: string): Promise<string | null | undefined> {
  try {
    const video = await body(api.GET('/api/v1/content/{video_id}', { params: { path: { video_id: id } } }));
    return video.title || video.source.filename || null;
  } catch (thrown) {
    const { status } = Problem.of(thrown);
    return status === 404 || status === 410 ? null : undefined;
  }
}
