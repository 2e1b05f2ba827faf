import { api } from '../api/client';
import { body, type Problem } from '../api/problem';
import type { LiveSession, PlaybackSession } from '../api/wire';
import { session } from '../session/session.svelte';
import { own } from './own';
import { receipt } from './receipt';

/** What a player plays. */
export interface Source {
  videoId: string;
  /** The key of a shared link, if the lecture was opened by one. */
  key?: string | null;
}

/** Opens a playback session, in place of another one if its id is given. */
export async function openStream(source: Source, takeOver: string | null): Promise<PlaybackSession> {
  // Without a sign-in, nobody knows whose sessions are whose.
  const replaced = session.state === 'in' ? (takeOver ?? own.id) : null;
  const proof = receipt.fresh;
  const query = { ...(source.key ? { s: source.key } : {}), ...(replaced === null ? {} : { take_over: replaced }) };
  // `Accept` asks for the session itself instead of a redirect to its playlist.
  const header = { Accept: 'application/json', ...(proof === null ? {} : { 'Enrolment-Receipt': proof }) };
  const params = { path: { video_id: source.videoId }, query, header };
  own.hold();
  try {
    const stream = await body(api.GET('/api/v1/content/{video_id}/stream', { params }));
    own.keep(stream, replaced);
    return stream;
  } catch (thrown) {
    own.release();
    throw thrown;
  }
}

/** Keeps a session alive while its player loads nothing; returns a function that stops it. */
export function keepAlive(stream: PlaybackSession, isIdle: () => boolean, onover: () => void): () => void {
  const beat = async () => {
    if (isIdle()) return;
    const answer = await fetch(stream.heartbeat_url, { method: 'POST' }).catch(() => null);
    if (answer?.status === 403) onover();
  };
  const timer = setInterval(() => void beat(), stream.heartbeat_interval * 1000);
  return () => clearInterval(timer);
}

/**
 * The places of a refusal because the viewer plays in too many of them; null for every other problem, also where too many
 * people watch who are not signed in.
 */
export function placesOf(problem: Problem): LiveSession[] | null {
  if (problem.code !== 'too_many_sessions') return null;
  const { sessions } = problem.document;
  return Array.isArray(sessions) && sessions.length > 0 ? (sessions as LiveSession[]) : null;
}
