import type { LiveLecture } from '../api/live';

/** Why the server has ended a session: somebody else publishes, the lecture is over, or neither. */
export type Why = 'replaced' | 'over' | null;

/**
 * For so long, the answer may still be about the session that has ended: a node that doesn't hold the lecture says for 6 s more
 * that it is published. Units: milliseconds
 */
const outdated = 7000;
const askEvery = 1000;

/**
 * Asks why a session has ended. That nobody publishes is known at the first answer that says so; that another place has taken
 * over, only when the lecture is published after the ended session can't be meant any more.
 */
export async function why(ask: () => Promise<Pick<LiveLecture, 'status' | 'publishing'>>): Promise<Why> {
  const since = Date.now();
  for (;;) {
    const isLate = Date.now() - since >= outdated;
    // A server that doesn't answer is restarting, or can't be reached: the session has to be opened again.
    const lecture = await ask().catch(() => null);
    if (lecture?.status === 'ended') return 'over';
    if (lecture?.publishing !== true) return null;
    if (isLate) return 'replaced';
    await new Promise((resolve) => setTimeout(resolve, askEvery));
  }
}
