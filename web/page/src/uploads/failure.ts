import { api } from '../api/client';
import { body, Problem } from '../api/problem';
import type { Usage } from '../api/wire';
import { bytes } from '../i18n/format';
import { t } from '../i18n/text';

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

/** Why an upload waits. */
export function waitingFor(problem: Problem | null, hasBegun: boolean): string {
  if (problem === null || problem.code === 'network') return t('upload.waiting');
  // Before it has begun, only unfinished uploads can be too many; afterwards, the server takes no more requests at once.
  if (problem.code === 'too_many_uploads' && !hasBegun) return t('upload.waitingTurn');
  return t(hasBegun ? 'upload.waitingServer' : 'upload.waitingStart', { detail: problem.message });
}

/** The space that is left for lectures, in bytes; null if there is no limit. Unfinished uploads have reserved theirs. */
export function spaceLeft({ bytes: { used, declared, allowed } }: Usage): number | null {
  return allowed === null || allowed === undefined ? null : Math.max(0, allowed - used - declared);
}

/** A problem with what only the page knows: how much space is left for a file that is too large for it. */
export async function explain(problem: Problem, size: number): Promise<Problem> {
  if (problem.code !== 'quota_exceeded') return problem;
  const usage = await body(api.GET('/api/v1/content/usage')).catch(() => null);
  const left = usage === null ? null : spaceLeft(usage);
  if (left === null || left === 0 || size <= left) return problem;
  return new Problem(problem.status, problem.code, t('upload.tooLarge', { size: bytes(size), left: bytes(left) }));
}
