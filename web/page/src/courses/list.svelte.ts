import { api } from '../api/client';
import { body, Problem } from '../api/problem';
import type { Course, CourseProgress } from '../api/wire';
import { fetchProgress } from './course.svelte';

/** How many courses show at first how far one is in them. */
const mostProgress = 24;

/** A list of courses: mine, or the catalogue with what is searched in it. */
export class CourseList {
  items = $state.raw<Course[]>([]);
  progress = $state.raw<ReadonlyMap<string, CourseProgress>>(new Map());
  problem = $state<Problem | null>(null);
  loaded = $state(false);
  loadingMore = $state(false);
  cursor = $state<string | null>(null);
  /** What the shown list was searched for. */
  asked = $state('');
  /** What was searched for last; its answer may be on its way. */
  wanted = '';
  #generation = 0;

  constructor(private readonly mine: boolean) {}

  async load(q = ''): Promise<void> {
    const generation = ++this.#generation;
    this.wanted = q;
    this.problem = null;
    try {
      const page = await this.#fetch(q, null);
      if (generation !== this.#generation) return;
      this.items = page.items;
      this.cursor = page.next_cursor ?? null;
      this.asked = q;
      this.loaded = true;
      if (this.mine) void this.#loadProgress();
    } catch (thrown) {
      if (generation === this.#generation) this.problem = Problem.of(thrown);
    }
  }

  async more(): Promise<void> {
    if (this.cursor === null || this.loadingMore || this.wanted !== this.asked) return;
    const generation = this.#generation;
    this.loadingMore = true;
    try {
      const page = await this.#fetch(this.asked, this.cursor);
      if (generation !== this.#generation) return;
      this.items = [...this.items, ...page.items];
      this.cursor = page.next_cursor ?? null;
    } catch (thrown) {
      if (generation === this.#generation) this.problem = Problem.of(thrown);
    } finally {
      this.loadingMore = false;
    }
  }

  #fetch(q: string, cursor: string | null) {
    const query = {
      limit: this.mine ? 100 : 20,
      ...(this.mine ? { mine: true } : {}),
      ...(q === '' ? {} : { q }),
      ...(cursor === null ? {} : { cursor }),
    };
    return body(api.GET('/api/v1/courses', { params: { query } }));
  }

  /** Loads how far one is in each course, as an addition to the list. */
  async #loadProgress(): Promise<void> {
    const learned = this.items.filter((course) => course.my_role === 'learner' && course.status === 'published');
    const found = await Promise.all(
      learned.slice(0, mostProgress).map(async ({ id }) => [id, await fetchProgress(id).catch(() => null)] as const),
    );
    this.progress = new Map(found.filter((each): each is [string, CourseProgress] => each[1] !== null));
  }
}
