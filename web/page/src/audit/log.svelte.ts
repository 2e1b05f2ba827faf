import { api } from '../api/client';
import { body, Problem } from '../api/problem';
import type { AuditEntry, AuditPage } from '../api/wire';

const pageSize = 20;

/** One service's part of the log, read from its newest entry on. */
class Source {
  waiting: AuditEntry[] = [];
  #cursor: string | null = null;
  #isOver = false;

  constructor(private readonly read: (cursor: string | null) => Promise<AuditPage>) {}

  /** The newest entry that is not shown yet; null if there is none left. */
  async next(): Promise<AuditEntry | null> {
    if (this.waiting.length === 0 && !this.#isOver) {
      const page = await this.read(this.#cursor);
      this.waiting = page.items;
      this.#cursor = page.next_cursor ?? null;
      this.#isOver = this.#cursor === null;
    }
    return this.waiting[0] ?? null;
  }
}

const query = (cursor: string | null) => ({ params: { query: { limit: pageSize, ...(cursor === null ? {} : { cursor }) } } });

/** What was done to others, newest first, from every service. */
export class AuditLog {
  entries = $state.raw<AuditEntry[]>([]);
  problem = $state<Problem | null>(null);
  busy = $state(false);
  loaded = $state(false);
  hasMore = $state(true);
  #sources: Source[];

  constructor(
    readers = [
      (cursor: string | null) => body(api.GET('/api/v1/users/audit', query(cursor))),
      (cursor: string | null) => body(api.GET('/api/v1/content/audit', query(cursor))),
      (cursor: string | null) => body(api.GET('/api/v1/courses/audit', query(cursor))),
    ],
  ) {
    this.#sources = readers.map((read) => new Source(read));
  }

  /** Loads a page more; what was read and not shown stays for the next one. */
  async more(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    const fresh: AuditEntry[] = [];
    try {
      while (fresh.length < pageSize && (await this.#take(fresh)));
      this.hasMore = fresh.length === pageSize && (await this.#newest()) !== null;
      this.loaded = true;
    } catch (thrown) {
      this.problem = Problem.of(thrown);
    } finally {
      this.entries = [...this.entries, ...fresh];
      this.busy = false;
    }
  }

  async #take(fresh: AuditEntry[]): Promise<boolean> {
    const source = await this.#newest();
    const entry = source?.waiting.shift();
    if (entry !== undefined) fresh.push(entry);
    return entry !== undefined;
  }

  /** The source with the newest entry. */
  async #newest(): Promise<Source | null> {
    const heads = await Promise.all(this.#sources.map((source) => source.next()));
    let best: number | null = null;
    for (const [number, head] of heads.entries()) {
      if (head !== null && (best === null || isNewer(head, heads[best] ?? head))) best = number;
    }
    return best === null ? null : (this.#sources[best] ?? null);
  }
}

function isNewer(one: AuditEntry, other: AuditEntry): boolean {
  const [a, b] = [Date.parse(one.at), Date.parse(other.at)];
  return a === b ? one.id > other.id : a > b;
}
