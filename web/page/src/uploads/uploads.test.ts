import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { api } from '../api/client';
import { Problem } from '../api/problem';
import type { Usage, Video } from '../api/wire';
import { explain, next, spaceLeft, waitingFor } from './failure';
import { pieceFor, RateMeter } from './rate';
import { match, remember } from './samefile';
import { titleOf } from './transfer.svelte';

beforeEach(() => localStorage.clear());
afterEach(() => vi.restoreAllMocks());

const begun = { id: 'v1', source: { filename: 'algebra.mp4' }, upload: { length: 1000, offset: 400 } } as Video;
const file = (more: Partial<File> = {}) => ({ name: 'algebra.mp4', size: 1000, lastModified: 7, ...more }) as File;

test('only the same file resumes an upload', () => {
  expect(match(file(), begun)).toBe('same');
  expect(match(file({ name: 'geometry.mp4' }), begun)).toBe('another');
  expect(match(file({ size: 999 }), begun)).toBe('another');
  remember('v1', file());
  expect(match(file(), begun)).toBe('same');
  expect(match(file({ lastModified: 8 }), begun)).toBe('changed');
});

test('an upload without a file name is resumed by a file of its size', () => {
  const unnamed = { id: 'v2', source: { filename: null }, upload: { length: 1000, offset: 400 } } as Video;
  expect(match(file(), unnamed)).toBe('same');
  expect(match(file({ size: 999 }), unnamed)).toBe('another');
});

test('failures that may pass are retried, ever more slowly; all others are final', () => {
  for (const status of [null, 409, 423, 429, 460, 500, 503, 507]) expect(next(status, 0)).toEqual({ kind: 'again', after: 1000 });
  for (const status of [400, 401, 403, 404, 410, 413, 415, 422]) expect(next(status, 0)).toEqual({ kind: 'over' });
  expect(next(null, 3)).toEqual({ kind: 'again', after: 8000 });
  expect(next(null, 50)).toEqual({ kind: 'again', after: 30_000 });
  const asked = next(503, 0, Date.now() + 9_500);
  expect(asked.kind === 'again' && asked.after > 9_000 && asked.after < 9_600, 'the server knows when').toBe(true);
});

test('a file that is too large for the space that is left says so, and a full space says that', async () => {
  const usage = (used: number, declared: number, allowed: number | null) =>
    ({ bytes: { used, declared, allowed }, uploads: { open: 0, allowed: null } }) as Usage;
  expect(spaceLeft(usage(40e6, 5.6e6, 60e6))).toBeCloseTo(14.4e6);
  expect([spaceLeft(usage(70e6, 0, 60e6)), spaceLeft(usage(1, 1, null))]).toEqual([0, null]);
  const said = async (size: number, now: Usage | null) => {
    const answer = now === null ? Promise.reject(new TypeError()) : Promise.resolve({ data: now, response: new Response() });
    vi.spyOn(api, 'GET').mockReturnValue(answer as never);
    return (await explain(Problem.from(403, { code: 'quota_exceeded' }), size)).message.replaceAll('\u00a0', ' ');
  };
  expect(await said(198e6, usage(40e6, 5.6e6, 60e6))).toMatch(/^This file \(198 MB\) is larger than the space that is left for your lectures \(14\.4 MB\)/);
  expect(await said(198e6, usage(60e6, 0, 60e6))).toMatch(/^There is no space left/);
  expect(await said(198e6, null)).toMatch(/^There is no space left/);
  const other = Problem.network();
  expect(await explain(other, 1)).toBe(other);
});

test('an upload that has not begun starts, and one that has begun resumes', () => {
  const many = Problem.from(429, { code: 'too_many_uploads', detail: 'you send too much' });
  expect(waitingFor(many, false)).toMatch(/starts when another is finished or cancelled/);
  expect(waitingFor(many, true)).toBe('The server can’t accept it right now: You send too much. The upload resumes automatically.');
  expect(waitingFor(Problem.from(503, { code: 'busy' }), false)).toMatch(/The upload starts automatically/);
  expect(waitingFor(Problem.network(), true)).toMatch(/connection was lost/);
});

test('the rate covers the last seconds, and starts over when bytes are sent again', () => {
  const meter = new RateMeter();
  for (let second = 0; second <= 20; second += 1) meter.note(second, second < 10 ? 0 : (second - 10) * 1e6);
  expect(meter.rate()).toBeCloseTo(10e6 / 12, -3);
  meter.note(21, 4e6);
  expect(meter.rate()).toBeNull();
  meter.note(24, 10e6);
  expect(meter.rate()).toBe(2e6);
});

test('a request carries what the connection takes in some seconds, within bounds', () => {
  expect(pieceFor(null)).toBe(4 << 20);
  expect(pieceFor(2e6)).toBe(8e6);
  expect(pieceFor(1000)).toBe(1 << 20);
  expect(pieceFor(1e9)).toBe(32 << 20);
});

test('a title comes from the name of the file', () => {
  expect(titleOf('Linear_algebra  03.mp4')).toBe('Linear algebra 03');
  expect(titleOf('.mp4')).toBe('.mp4');
  expect(titleOf('v1.2 talk')).toBe('v1.2 talk');
});
