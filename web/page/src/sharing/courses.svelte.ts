import { api } from '../api/client';
import { body, Problem } from '../api/problem';
import type { LectureCourse } from '../api/wire';

const pageSize = 20;

/** Who may watch the lectures of a course; nobody but its teachers while it is not published. */
export function whoWatches(course: LectureCourse): 'enrolled' | 'open' | 'public' | 'teachers' {
  return course.status === 'published' ? course.access : 'teachers';
}

/** Whether the caller sees the course's page, as far as the list tells: it also has courses that are closed to the caller. */
export function maySee(course: LectureCourse, isAdmin: boolean): boolean {
  if (isAdmin) return true;
  if (course.status === 'published' && course.access !== 'enrolled') return true;
  // A draft is shown to those who teach it.
  return course.status === 'draft' ? Boolean(course.my_role) && course.my_role !== 'learner' : Boolean(course.my_role);
}

/** The courses that have a lecture, newest first. */
export class CoursesOfLecture {
  items = $state.raw<LectureCourse[]>([]);
  problem = $state<Problem | null>(null);
  busy = $state(false);
  cursor = $state<string | null>(null);
  /** Whether the first page couldn't be loaded; while it is tried again, too. */
  #failed = $state(false);
  /** Whether there is anything to show: most lectures are in no course when they are new. */
  isShown = $derived.by(() => this.items.length > 0 || this.cursor !== null || this.#failed);

  constructor(private readonly id: string) {}

  /** Loads the next page, the first one at first. */
  async more(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    try {
      const query = { limit: pageSize, ...(this.cursor === null ? {} : { cursor: this.cursor }) };
      const params = { path: { video_id: this.id }, query };
      const page = await body(api.GET('/api/v1/courses/lectures/{video_id}', { params }));
      this.items = [...this.items, ...page.items];
      this.cursor = page.next_cursor ?? null;
      this.#failed = false;
    } catch (thrown) {
      this.problem = Problem.of(thrown);
      this.#failed = this.items.length === 0;
    } finally {
      this.busy = false;
    }
  }

  /** Takes the lecture out of a course. */
  async takeOut(course: LectureCourse): Promise<void> {
    const params = { path: { course_id: course.id, video_id: this.id } };
    try {
      await body(api.DELETE('/api/v1/courses/{course_id}/lectures/{video_id}', { params }));
    } catch (thrown) {
      // It is out already: a teacher of the course, or another tab, was faster.
      if (Problem.of(thrown).code !== 'item_not_found') throw thrown;
    }
    this.items = this.items.filter((each) => each.id !== course.id);
    // Without a row, the button for more would be all that is left.
    if (this.items.length === 0 && this.cursor !== null) await this.more();
  }
}
