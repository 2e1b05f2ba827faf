/** What to do after a request of an upload failed. */
export type Next = { kind: 'again'; after: number } | { kind: 'over' };

const longest = 30_000;

/**
 * Retries failures that may pass: no response, a server that is busy, full or unreachable, an upload that another
 * writer still holds, a wrong offset (the next request asks for the right one). All other failures are final.
 */
export function next(status: number | null, attempt: number, againAt: number | null = null): Next {
  const mends = status === null || status === 0 || status >= 500 || [408, 409, 423, 429, 460].includes(status);
  if (!mends) return { kind: 'over' };
  // The server knows better; a wait beyond the longest pause is looked at again then.
  const asked = againAt === null ? 0 : againAt - Date.now();
  return { kind: 'again', after: Math.min(longest, Math.max(asked, 1000 * 2 ** attempt)) };
}
