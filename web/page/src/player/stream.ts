import { Problem } from '../api/problem';
import type { PlaybackSession } from '../api/wire';
import { session } from '../session/session.svelte';
import { receipt } from './receipt';

/** What a player plays. */
export interface Source {
  videoId: string;
  /** The key of a shared link, if the lecture was opened by one. */
  key?: string | null;
}

/** A place where the viewer plays a lecture now. */
export interface Place {
  session_id: string;
  video_id: string;
  title: string | null;
  /** Such as "Firefox on Windows". */
  device: string;
  seen_at: string;
}

const ownName = 'moocflix.playback';

/**
 * The session that this tab opened last. The next one takes its place: a tab plays one lecture at a time, and sessions
 * that nobody uses count for a while.
 */
const own = {
  get id(): string | null {
    try {
      return sessionStorage.getItem(ownName);
    } catch {
      // Storage may be forbidden; then the session ends by itself.
      return null;
    }
  },
  keep(id: string): void {
    try {
      sessionStorage.setItem(ownName, id);
    } catch {
      // As above.
    }
  },
};

/** Opens a playback session, in place of another one if its id is given. */
export async function openStream(source: Source, takeOver: string | null): Promise<PlaybackSession> {
  const query = new URLSearchParams();
  if (source.key) query.set('s', source.key);
  const replaced = takeOver ?? own.id;
  // Without a sign-in, nobody knows whose sessions are whose.
  if (replaced !== null && session.state === 'in') query.set('take_over', replaced);
  // This header asks for the session itself instead of a redirect to its playlist.
  const headers = new Headers({ Accept: 'application/json' });
  const proof = receipt.fresh;
  if (proof !== null) headers.set('Enrolment-Receipt', proof);
  const asked = query.size > 0 ? `?${query}` : '';
  const request = new Request(`/api/v1/content/${source.videoId}/stream${asked}`, { headers });
  let answer: Response;
  try {
    answer = await session.fetch(request);
  } catch (thrown) {
    throw Problem.of(thrown);
  }
  const text = await answer.text();
  if (!answer.ok) throw Problem.parse(answer.status, text, answer.headers.get('Retry-After'));
  const stream = JSON.parse(text) as PlaybackSession;
  own.keep(stream.session_id);
  return stream;
}

/**
 * The places of a refusal because the viewer plays in too many of them; null for every other problem, also where too many
 * people watch who are not signed in.
 */
export function placesOf(problem: Problem): Place[] | null {
  if (problem.code !== 'too_many_sessions') return null;
  const { sessions } = problem.document;
  return Array.isArray(sessions) && sessions.length > 0 ? (sessions as Place[]) : null;
}
