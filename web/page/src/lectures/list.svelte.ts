import { api } from '../api/client';
import { body, Problem } from '../api/problem';
import type { Video } from '../api/wire';
import { unsettled } from './state';

const pageSize = 20;
const most = 100;
const pollEvery = 3000;

/** Puts the fresh first page before the lectures that were loaded after it. */
export function merge(fresh: Video[], freshIsAll: boolean, old: Video[]): Video[] {
  const last = fresh.at(-1);
  if (freshIsAll || last === undefined) return fresh;
  const known = new Set(fresh.map((video) => video.id));
  // Ids are UUIDv7 and the list is newest first, so what comes later in the list has a smaller id.
  return [...fresh, ...old.filter((video) => !known.has(video.id) && video.id < last.id)];
}

/** Lectures, newest first, kept up to date while they are shown: mine, or everybody's for an admin. */
export class LectureList {
  /** Everybody's instead of mine. */
  everyone = $state(false);
  /** Only lectures with failures. */
  failed = $state(false);
  items = $state.raw<Video[]>([]);
  problem = $state<Problem | null>(null);
  loaded = $state(false);
  loadingMore = $state(false);
  hasMore = $derived.by(() => this.#cursor !== null);
  #cursor = $state<string | null>(null);
  #loading = false;

  /** The filter, as query parameters. */
  get #wanted(): { owner?: 'all'; failed?: true } {
    return { ...(this.everyone ? { owner: 'all' as const } : {}), ...(this.failed ? { failed: true as const } : {}) };
  }

  /** Shows other lectures. */
  async choose(): Promise<void> {
    this.items = [];
    this.#cursor = null;
    this.loaded = false;
    this.loadingMore = false;
    this.problem = null;
    await this.load();
  }

  async load(): Promise<void> {
    const wanted = this.#wanted;
    this.#loading = true;
    try {
      const limit = Math.min(most, Math.max(pageSize, this.items.length));
      const page = await body(api.GET('/api/v1/content', { params: { query: { ...wanted, limit } } }));
      if (this.#isOld(wanted)) return;
      const next = page.next_cursor ?? null;
      const before = this.items.length;
      this.items = merge(page.items, next === null, this.items);
      // The old cursor is still valid beyond the fresh part.
      if (before <= page.items.length || next === null) this.#cursor = next;
      this.problem = null;
      this.loaded = true;
    } catch (thrown) {
      if (this.#isOld(wanted)) return;
      // The list stays on screen; the page itself reports a lost connection.
      if (!this.loaded) this.problem = Problem.of(thrown);
    } finally {
      this.#loading = false;
    }
  }

  async more(): Promise<void> {
    if (this.#cursor === null || this.loadingMore) return;
    const wanted = this.#wanted;
    this.loadingMore = true;
    try {
      const query = { ...wanted, limit: pageSize, cursor: this.#cursor };
      const page = await body(api.GET('/api/v1/content', { params: { query } }));
      if (this.#isOld(wanted)) return;
      const known = new Set(this.items.map((video) => video.id));
      this.items = [...this.items, ...page.items.filter((video) => !known.has(video.id))];
      this.#cursor = page.next_cursor ?? null;
      this.problem = null;
    } catch (thrown) {
      if (!this.#isOld(wanted)) this.problem = Problem.of(thrown);
    } finally {
      if (!this.#isOld(wanted)) this.loadingMore = false;
    }
  }

  /** Whether the filter has changed since. */
  #isOld(wanted: { owner?: 'all'; failed?: true }): boolean {
    return wanted.owner !== this.#wanted.owner || wanted.failed !== this.#wanted.failed;
  }

  /**
   * Reloads every few seconds while the page is visible and the list may change without the user: lectures in progress,
   * everyone's lectures, lectures with failures. Returns a function that stops it.
   */
  follow(): () => void {
    void this.load();
    const timer = setInterval(() => {
      // Requests wait while the user is asked to sign in again; they must not pile up.
      if (!document.hidden && !this.#loading && (!this.loaded || this.everyone || this.failed || this.items.some(unsettled))) void this.load();
    }, pollEvery);
    return () => clearInterval(timer);
  }
}
