import { api } from '../api/client';
import { body, Problem } from '../api/problem';
import type { CourseDetails, CourseMember, CourseRole, EnrolmentLine, MemberProgress, MemberProgressPage } from '../api/wire';

const pageSize = 50;
const mostProgressPages = 20;

/** The members of a course, and how far they are. */
export class MemberList {
  course = $state.raw<CourseDetails | null>(null);
  items = $state.raw<CourseMember[]>([]);
  progress = $state.raw<ReadonlyMap<string, MemberProgress>>(new Map());
  problem = $state<Problem | null>(null);
  loaded = $state(false);
  loadingMore = $state(false);
  cursor = $state<string | null>(null);

  constructor(private readonly id: string) {}

  async load(): Promise<void> {
    this.problem = null;
    try {
      this.course = await body(api.GET('/api/v1/courses/{course_id}', { params: { path: { course_id: this.id } } }));
      const page = await this.#fetch(null);
      this.items = page.items;
      this.cursor = page.next_cursor ?? null;
      this.loaded = true;
      void this.#loadProgress();
    } catch (thrown) {
      this.problem = Problem.of(thrown);
    }
  }

  async more(): Promise<void> {
    if (this.cursor === null || this.loadingMore) return;
    this.loadingMore = true;
    try {
      const page = await this.#fetch(this.cursor);
      this.items = [...this.items, ...page.items];
      this.cursor = page.next_cursor ?? null;
      void this.#loadProgress();
    } catch (thrown) {
      this.problem = Problem.of(thrown);
    } finally {
      this.loadingMore = false;
    }
  }

  async enrol(text: string): Promise<EnrolmentLine[]> {
    const params = { path: { course_id: this.id } };
    const { lines } = await body(api.POST('/api/v1/courses/{course_id}/enrolments/list', { params, body: { text } }));
    await this.load();
    return lines;
  }

  async setRole(member: CourseMember, role: CourseRole): Promise<void> {
    const params = { path: { course_id: this.id, user_id: member.user_id } };
    const changed = await body(api.PUT('/api/v1/courses/{course_id}/members/{user_id}', { params, body: { role } }));
    if (role === 'owner') await this.load();
    else this.items = this.items.map((each) => (each.user_id === changed.user_id ? changed : each));
  }

  async remove(member: CourseMember): Promise<void> {
    const params = { path: { course_id: this.id, user_id: member.user_id } };
    await body(api.DELETE('/api/v1/courses/{course_id}/enrolments/{user_id}', { params }));
    this.items = this.items.filter((each) => each.user_id !== member.user_id);
  }

  /** Everybody's progress as a file. */
  csv(): Promise<Blob> {
    const params = { path: { course_id: this.id }, header: { Accept: 'text/csv' } };
    return body(api.GET('/api/v1/courses/{course_id}/members/progress', { params, parseAs: 'blob' }));
  }

  #fetch(cursor: string | null) {
    const query = { limit: pageSize, ...(cursor === null ? {} : { cursor }) };
    return body(api.GET('/api/v1/courses/{course_id}/members', { params: { path: { course_id: this.id }, query } }));
  }

  /** Loads the progress of the people who are shown, as an addition to the list. */
  async #loadProgress(): Promise<void> {
    let cursor: string | null = null;
    for (let pages = 0; pages < mostProgressPages; pages += 1) {
      if (this.items.every((member) => this.progress.has(member.user_id))) return;
      const page: MemberProgressPage | null = await this.#fetchProgress(cursor).catch(() => null);
      if (page === null) return;
      this.progress = new Map([...this.progress, ...page.items.map((each) => [each.user_id, each] as const)]);
      cursor = page.next_cursor ?? null;
      if (cursor === null) return;
    }
  }

  #fetchProgress(cursor: string | null): Promise<MemberProgressPage> {
    const query = { limit: 100, ...(cursor === null ? {} : { cursor }) };
    const params = { path: { course_id: this.id }, query };
    // The table is only sent to those who ask for it.
    return body(api.GET('/api/v1/courses/{course_id}/members/progress', { params })) as Promise<MemberProgressPage>;
  }
}
