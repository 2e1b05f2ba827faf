import { api } from '../api/client';
import { body, Problem } from '../api/problem';
import type { AuditEntry } from '../api/wire';
import { detail, peopleIn } from './details';

/** How many pages of people are read to find names. */
const mostPages = 10;

/** A lecture or a course in the log; its title is null if nothing tells it. */
export interface Work {
  title: string | null;
  isGone: boolean;
}

const titles = {
  video: async (video_id: string) => {
    const video = await body(api.GET('/api/v1/content/{video_id}', { params: { path: { video_id } } }));
    return video.title || video.source.filename || null;
  },
  course: async (course_id: string) => (await body(api.GET('/api/v1/courses/{course_id}', { params: { path: { course_id } } }))).title,
};
const kinds: Readonly<Record<string, (id: string) => Promise<string | null>>> = titles;

/** The names of people and the titles of lectures and courses in the log, loaded as they are needed. */
export class Names {
  people = $state.raw<ReadonlyMap<string, string>>(new Map());
  works = $state.raw<ReadonlyMap<string, Work>>(new Map());
  #cursor: string | null | undefined;
  #pages = 0;
  #asked = new Set<string>();

  /** Loads what entries need; a name that can't be loaded is replaced by an id on the page. */
  async load(entries: AuditEntry[]): Promise<void> {
    const people = entries.flatMap(({ actor_id, subject, details }) => [
      actor_id,
      subject.owner_id,
      subject.kind === 'user' ? subject.id : null,
      ...peopleIn(details),
    ]);
    // What was deleted can't be loaded; the entry of its deletion tells its title, for earlier entries, too.
    for (const { act, subject, details } of entries) if (isDeletion(act)) this.#know(subject.id, { title: detail(details, 'title'), isGone: true });
    const loading = [this.#loadPeople(people.filter((id) => typeof id === 'string')), this.#loadTitles(entries)];
    await Promise.all(loading).catch(() => undefined);
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

  async #loadTitles(entries: AuditEntry[]): Promise<void> {
    for (const { subject } of entries) {
      const read = kinds[subject.kind];
      if (read === undefined || this.#asked.has(subject.id)) continue;
      this.#asked.add(subject.id);
      const work = await workOf(subject.id, read);
      if (work !== null) this.#know(subject.id, work);
    }
  }

  #know(id: string, work: Work): void {
    this.#asked.add(id);
    this.works = new Map([...this.works, [id, work]]);
  }
}

function isDeletion(act: string): boolean {
  return act === 'delete_video' || act === 'delete_course';
}

async function workOf(id: string, read: (id: string) => Promise<string | null>): Promise<Work | null> {
  try {
    return { title: await read(id), isGone: false };
  } catch (thrown) {
    const { status } = Problem.of(thrown);
    return status === 404 || status === 410 ? { title: null, isGone: true } : null;
  }
}
