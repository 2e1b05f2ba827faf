/** What to do after a request of an upload failed. */
export type Next = { kind: 'again'; after: number } | { kind: 'over' };

const longest = 30_000;

/**
 * Sends again what time can mend: no answer at all, a server that is busy, full or away, an upload that another writer
 * still holds, an offset that differs (the next request asks for the right one). Everything else is over.
 */
export function next(status: number | null, attempt: number): Next {
  const mends = status === null || status === 0 || status >= 500 || [408, 409, 423, 429, 460].includes(status);
  return mends ? { kind: 'again', after: Math.min(longest, 1000 * 2 ** attempt) } : { kind: 'over' };
}
