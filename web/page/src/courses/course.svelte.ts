import { api } from '../api/client';
import { body, Problem } from '../api/problem';
import type { CourseDetails, CourseProgress, ItemProgress } from '../api/wire';
import { receipt } from '../player/receipt';
import { session } from '../session/session.svelte';

/** A course that somebody looks at, with how far they are in it. */
export class CourseState {
  course = $state.raw<CourseDetails | null>(null);
  progress = $state.raw<CourseProgress | null>(null);
  problem = $state<Problem | null>(null);
  /** When the course was loaded; what opens until then is open. */
  now = $state(Date.now());

  constructor(private readonly id: string) {}

  get isMember(): boolean {
    return Boolean(this.course?.my_role);
  }

  /** Whether the caller teaches the course, or may do so as an admin. */
  get teaches(): boolean {
    const role = this.course?.my_role;
    return session.is('admin') || (Boolean(role) && role !== 'learner');
  }

  async load(): Promise<void> {
    this.problem = null;
    try {
      await this.#load();
    } catch (thrown) {
      this.problem = Problem.of(thrown);
    }
  }

  /** Loads the course again behind what is on screen, which stays if that fails. */
  refresh(): Promise<void> {
    return this.#load().catch(() => undefined);
  }

  async loadProgress(): Promise<void> {
    this.progress = (await this.#fetchProgress()) ?? this.progress;
  }

  /** How far the caller is in an item. */
  of(item: string): ItemProgress | undefined {
    return this.progress?.items.find((each) => each.item_id === item);
  }

  async enrol(code: string | null): Promise<void> {
    const { receipt: proof } = await body(api.POST('/api/v1/courses/{course_id}/enrolments', { ...this.#at, body: code === null ? {} : { code } }));
    receipt.keep(proof);
    await this.load();
  }

  async leave(): Promise<void> {
    const params = { path: { course_id: this.id, user_id: 'me' } };
    await body(api.DELETE('/api/v1/courses/{course_id}/enrolments/{user_id}', { params }));
  }

  async #load(): Promise<void> {
    const course = await body(api.GET('/api/v1/courses/{course_id}', this.#at));
    this.progress = course.my_role ? await this.#fetchProgress() : null;
    this.now = Date.now();
    this.course = course;
  }

  get #at() {
    return { params: { path: { course_id: this.id } } };
  }

  /** How far the caller is; null if nobody keeps it for them. */
  #fetchProgress(): Promise<CourseProgress | null> {
    return fetchProgress(this.id).catch(() => null);
  }
}

/** How far the caller is in a course. */
export function fetchProgress(course_id: string): Promise<CourseProgress> {
  return body(api.GET('/api/v1/courses/{course_id}/progress', { params: { path: { course_id } } }));
}
