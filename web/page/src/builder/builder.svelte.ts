import { api } from '../api/client';
import { body, Problem, whole } from '../api/problem';
import type { CourseDetails, CourseModule, CourseUpdate, ModuleUpdate } from '../api/wire';
import { t } from '../i18n/text';

type Reply = { data: CourseDetails; etag: string | null };
export type StatusChange = 'publish' | 'unpublish' | 'archive';

const pollEvery = 4000;

/** A course while it is built. Edits and looks go one after another, each edit based on the version that the last one made. */
export class BuilderState {
  course = $state.raw<CourseDetails | null>(null);
  problem = $state<Problem | null>(null);
  /** The order that is shown, which may be ahead of the server's. */
  modules = $state.raw<CourseModule[]>([]);
  /** Whether an edit is on its way. */
  saving = $state(false);
  #etag: string | null = null;
  #last: Promise<unknown> = Promise.resolve();
  /** How many edits and looks have not ended, and how many of them are edits. */
  #queued = 0;
  #waiting = 0;
  #order: CourseModule[] | null = null;

  constructor(private readonly id: string) {}

  async load(): Promise<void> {
    this.problem = null;
    try {
      // What was read before an edit must not be shown after it.
      await this.#next(() => this.#reload());
    } catch (thrown) {
      const problem = Problem.of(thrown);
      if (this.course === null || problem.status === 404) this.problem = problem;
    }
  }

  /** Loads again while lectures are being prepared; returns a function that stops it. */
  follow(): () => void {
    void this.load();
    const timer = setInterval(() => {
      const items = this.modules.flatMap((module) => module.items);
      const isMoving = items.some((item) => item.state === 'uploading' || item.state === 'processing');
      if (isMoving && !document.hidden && this.#queued === 0) void this.load();
    }, pollEvery);
    return () => clearInterval(timer);
  }

  change(fields: CourseUpdate): Promise<void> {
    return this.#edit((header) => whole(api.PATCH('/api/v1/courses/{course_id}', { params: { ...this.#at, header }, body: fields })));
  }

  setStatus(change: StatusChange): Promise<void> {
    return this.#edit((header) => whole(api.POST(`/api/v1/courses/{course_id}/${change}`, { params: { ...this.#at, header } })));
  }

  renewCode(): Promise<void> {
    return this.#edit(() => whole(api.POST('/api/v1/courses/{course_id}/code', { params: this.#at })));
  }

  async delete(): Promise<void> {
    await body(api.DELETE('/api/v1/courses/{course_id}', { params: this.#at }));
  }

  addModule(title: string, key: string): Promise<void> {
    const header = { 'Idempotency-Key': key };
    return this.#edit(async () => {
      await body(api.POST('/api/v1/courses/{course_id}/modules', { params: { ...this.#at, header }, body: { title } }));
      return null;
    });
  }

  changeModule(module_id: string, fields: ModuleUpdate): Promise<void> {
    const path = { ...this.#at.path, module_id };
    return this.#edit((header) => whole(api.PATCH('/api/v1/courses/{course_id}/modules/{module_id}', { params: { path, header }, body: fields })));
  }

  removeModule(module_id: string): Promise<void> {
    const path = { ...this.#at.path, module_id };
    return this.#edit(async (header) => {
      await body(api.DELETE('/api/v1/courses/{course_id}/modules/{module_id}', { params: { path, header } }));
      return null;
    });
  }

  /** Adds lectures at the end of a module, in this order; under the same key again, only those that were not added. */
  addItems(module: string, contents: string[], key: string): Promise<void> {
    return this.#edit(async () => {
      for (const content of contents) await addItem(this.id, module, content, `${key}-${content}`);
      return null;
    });
  }

  renameItem(module_id: string, item_id: string, title: string): Promise<void> {
    const path = { ...this.#at.path, module_id, item_id };
    const address = '/api/v1/courses/{course_id}/modules/{module_id}/items/{item_id}' as const;
    return this.#edit((header) => whole(api.PATCH(address, { params: { path, header }, body: { title } })));
  }

  removeItem(module_id: string, item_id: string): Promise<void> {
    const path = { ...this.#at.path, module_id, item_id };
    const address = '/api/v1/courses/{course_id}/modules/{module_id}/items/{item_id}' as const;
    return this.#edit(async (header) => {
      await body(api.DELETE(address, { params: { path, header } }));
      return null;
    });
  }

  /** Shows another order at once, and stores the last one that was chosen. */
  async order(modules: CourseModule[]): Promise<void> {
    this.modules = modules;
    const isWaiting = this.#order !== null;
    this.#order = modules;
    if (isWaiting) return;
    await this.#edit((header) => {
      const chosen = this.#order ?? modules;
      this.#order = null;
      const order = { modules: chosen.map(({ id, items }) => ({ id, items: items.map((item) => item.id) })) };
      return whole(api.PUT('/api/v1/courses/{course_id}/outline', { params: { ...this.#at, header }, body: order }));
    });
  }

  get #at() {
    return { path: { course_id: this.id } };
  }

  /**
   * Runs an edit after all earlier ones, based on the version that they made. If somebody else has changed the course,
   * it is loaded again, and nothing is overwritten.
   */
  #edit(work: (header: { 'If-Match': string }) => Promise<Reply | null>): Promise<void> {
    const edit = async () => {
      try {
        const reply = await work({ 'If-Match': this.#etag ?? '' });
        if (reply === null) await this.#reload();
        else this.#take(reply);
      } catch (thrown) {
        const problem = Problem.of(thrown);
        this.#order = null;
        // What is shown may be ahead of what is stored.
        await this.#reload().catch(() => undefined);
        throw problem.code === 'stale' ? new Problem(412, 'stale', t('builder.stale')) : problem;
      } finally {
        this.#waiting -= 1;
        this.saving = this.#waiting > 0;
      }
    };
    this.#waiting += 1;
    this.saving = true;
    return this.#next(edit);
  }

  /** Runs what comes next as soon as all before it has ended. */
  #next(work: () => Promise<void>): Promise<void> {
    this.#queued += 1;
    const run = this.#last.then(work).finally(() => (this.#queued -= 1));
    this.#last = run.catch(() => undefined);
    return run;
  }

  async #reload(): Promise<void> {
    this.#take(await whole(api.GET('/api/v1/courses/{course_id}', { params: this.#at })));
  }

  #take({ data, etag }: Reply): void {
    this.course = data;
    this.#etag = etag;
    // An order that still waits to be stored stays on the screen.
    if (this.#order === null) this.modules = data.modules;
  }
}

/** A new key, under which a repeated request is recognized. */
export function freshKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('-');
}

/** Adds a lecture at the end of a module, once under each key. */
export async function addItem(course_id: string, module_id: string, content_id: string, key = freshKey()): Promise<void> {
  const header = { 'Idempotency-Key': key };
  const params = { path: { course_id, module_id }, header };
  await body(api.POST('/api/v1/courses/{course_id}/modules/{module_id}/items', { params, body: { kind: 'video', content_id } }));
}
