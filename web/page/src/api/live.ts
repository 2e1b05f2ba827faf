import { session } from '../session/session.svelte';
import { Problem } from './problem';

/** Where a live lecture is published to; only for those who may publish it. */
export interface Ingest {
  whip_url: string;
  rtmp_url: string | null;
  stream_key: string;
}

/** A live lecture: a video that is scheduled, that is live now, or that was. */
export interface LiveLecture {
  id: string;
  title: string;
  description: string;
  status: 'scheduled' | 'live' | 'ended';
  starts_at: string | null;
  started_at: string | null;
  ended_at: string | null;
  /** Whether somebody publishes it now. */
  publishing: boolean;
  /** How many people watch now. */
  viewers: number;
  ingest?: Ingest | null;
}

/** What a live lecture is created with. */
export interface NewLiveLecture {
  title: string;
  description?: string;
  starts_at?: string;
  course_id?: string;
}

/** Somebody who has watched a lecture live, from when to when. */
export interface Attendee {
  user_id: string;
  /** null if the account is gone. */
  name: string | null;
  from: string;
  /** When they left, or were last seen. */
  until: string;
}

async function ask<T>(method: string, path: string, sent?: unknown, headers: Record<string, string> = {}): Promise<T> {
  const body = sent === undefined ? undefined : JSON.stringify(sent);
  const type: Record<string, string> = body === undefined ? {} : { 'Content-Type': 'application/json' };
  let answer: Response;
  try {
    answer = await session.fetch(new Request(`/api/v1/content/live${path}`, { method, body, headers: { ...type, ...headers } }));
  } catch (thrown) {
    throw Problem.of(thrown);
  }
  if (!answer.ok) throw Problem.parse(answer.status, await answer.text(), answer.headers.get('Retry-After'));
  return (answer.headers.get('Content-Type')?.includes('csv') ? await answer.blob() : await answer.json()) as T;
}

export const live = {
  create: (lecture: NewLiveLecture, key: string) => ask<LiveLecture>('POST', '', lecture, { 'Idempotency-Key': key }),
  get: (id: string) => ask<LiveLecture>('GET', `/${id}`),
  mine: () => ask<{ items: LiveLecture[] }>('GET', '?limit=100'),
  change: (id: string, fields: { starts_at: string | null }) => ask<LiveLecture>('PATCH', `/${id}`, fields),
  newKey: (id: string) => ask<LiveLecture>('POST', `/${id}/key`),
  attendance: (id: string) => ask<{ items: Attendee[] }>('GET', `/${id}/attendance`),
  attendanceFile: (id: string) => ask<Blob>('GET', `/${id}/attendance`, undefined, { Accept: 'text/csv' }),
  end: (id: string) => ask<LiveLecture>('POST', `/${id}/end`),
};
