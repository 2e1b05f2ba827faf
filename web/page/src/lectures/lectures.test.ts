import { expect, test } from 'vitest';
import type { Video } from '../api/wire';
import { EventReader } from './events';
import { adviceFor, mayMend } from './failures';
import { codecName, frameRate } from './formats';
import { merge } from './list.svelte';
import { isEncoding, isStuck, qualities, quarterReached, rungName, rungState, tallest, whyFailed } from './rungs';
import { summary, unsettled, wasLive } from './state';

const ids = (...names: string[]) => names.map((id) => ({ id }) as Video);
const names = (videos: Video[]) => videos.map((video) => video.id).join('');

test('a fresh beginning replaces what it covers and keeps what was loaded beyond', () => {
  expect(names(merge(ids('f', 'e', 'd'), false, ids('e', 'd', 'c', 'b')))).toBe('fedcb');
  // A lecture that is missing between others was deleted.
  expect(names(merge(ids('f', 'd', 'c'), false, ids('e', 'd', 'c', 'b')))).toBe('fdcb');
  expect(names(merge(ids('f', 'e'), true, ids('e', 'd', 'c')))).toBe('fe');
  expect(names(merge([], true, ids('e')))).toBe('');
});

test('events are read however the stream is cut', () => {
  const stream = 'event: video\ndata: {"a":1}\n\n: still there\n\nevent: video\r\ndata: {"a":\r\ndata: 2}\r\n\r\n';
  for (const size of [1, 2, 7, 1000]) {
    const reader = new EventReader();
    const events = [];
    for (let at = 0; at < stream.length; at += size) events.push(...reader.feed(stream.slice(at, at + size)));
    expect(events.map((event) => event.data.replace(/\s/g, ''))).toEqual(['{"a":1}', '{"a":2}']);
    expect(events.every((event) => event.name === 'video')).toBe(true);
  }
});

test('a lecture is followed as long as the server may still change it', () => {
  const rendition = (state: string) => ({ name: '240p', state, progress: 0.5, height: 240 });
  const video = (status: string, code?: string, ...states: string[]) =>
    ({ status, reason: code ? { code, message: '' } : null, renditions: states.map(rendition) }) as Video;
  expect(summary(video('live')).tone).toBe('live');
  expect([unsettled(video('live')), unsettled(video('scheduled'))]).toEqual([true, true]);
  expect(summary(video('processing', 'needs_transcoding'))).toEqual({ text: 'status.converting', tone: 'busy' });
  expect(unsettled(video('processing', 'needs_transcoding'))).toBe(true);
  expect(summary(video('processing', 'encoder_missing'))).toEqual({ text: 'status.waiting', tone: 'warn' });
  expect(unsettled(video('processing', 'encoder_missing'))).toBe(true);
  expect(unsettled(video('processing'))).toBe(true);
  expect(unsettled(video('playable', undefined, 'ready', 'encoding'))).toBe(true);
  expect(unsettled(video('playable', 'encoder_failed', 'waiting', 'failed'))).toBe(true);
  expect(unsettled(video('playable', 'encoder_failed', 'ready', 'failed'))).toBe(false);
  expect(summary(video('playable', 'encoder_failed', 'ready', 'failed'))).toEqual({ text: 'status.partly', tone: 'warn' });
  expect(summary(video('playable', 'encoder_failed', 'encoding', 'failed')).tone).toBe('good');
  expect([summary(video('ready')).tone, summary(video('ready', 'encoder_failed')).tone]).toEqual(['good', 'warn']);
  expect(unsettled(video('ready'))).toBe(false);
  expect(summary(video('ready', 'piece_format', 'ready', 'failed'))).toEqual({ text: 'status.partly', tone: 'warn' });
  expect(unsettled(video('failed', 'media_truncated'))).toBe(false);
});

test('a failed lecture is offered another try only where that can help, and otherwise what does', () => {
  const failed = (code: string) => ({ status: 'failed', reason: { code, message: '' }, renditions: [] }) as unknown as Video;
  for (const code of ['media_codec', 'media_limits', 'media_timeline', 'media_malformed', 'media_encrypted', 'unsupported_media']) {
    expect(mayMend(failed(code)), code).toBe(false);
    expect(adviceFor(failed(code)), code).not.toBe('failed.again');
  }
  for (const code of ['encoder_failed', 'encoder_killed', 'media_undecodable', 'disk_full', 'scan_failed', 'a_new_code']) {
    expect([mayMend(failed(code)), adviceFor(failed(code))], code).toEqual([true, 'failed.again']);
  }
  expect(adviceFor(failed('media_codec'))).toBe('failed.convert');
  expect(adviceFor(failed('piece_format'))).toBe('failed.convert');
  const partly = (...codes: string[]) =>
    ({ status: 'playable', reason: null, renditions: codes.map((code) => ({ state: 'failed', reason: { code, message: '' } })) }) as unknown as Video;
  expect(mayMend(partly('piece_format', 'media_too_slow'))).toBe(false);
  expect(mayMend(partly('piece_format', 'encoder_stalled'))).toBe(true);
});

test('codecs have the names that people know, and rates those of cameras', () => {
  expect(['h264', 'ffv1', 'mpeg4', 'mpeg2video', 'pcm_s16le', 'wmav2', 'opus'].map(codecName)).toEqual([
    'H.264', 'FFV1', 'MPEG-4', 'MPEG-2', 'PCM', 'Windows Media Audio', 'Opus',
  ]);
  expect([24.95, 23.976, 29.97, 59.94, 30, 1, 12.5, 24.6].map(frameRate)).toEqual([25, 23.98, 29.97, 59.94, 30, 1, 12.5, 24.6]);
});

test('rendition states are shown in words', () => {
  const named = ['source', 'audio', 'audio-2', 'audio-opus', '720p'].map((name) => rungName({ name }));
  expect(named).toEqual(['Original', 'Audio', 'Audio 2', 'Audio, Opus', '720p']);
  const shown = (state: string, progress: number) => rungState({ state, progress } as Video['renditions'][number]);
  expect([shown('waiting', 0), shown('encoding', 0.999), shown('ready', 1), shown('failed', 0.2)]).toEqual(['Waiting', '99 %', 'Ready', 'Failed']);
});

test('the qualities of a recording are sizes, the largest first and each once', () => {
  const rendition = (name: string, width: number | null, height: number | null, state = 'ready') => ({ name, width, height, state });
  const renditions = [
    rendition('video-0', 1280, 720), rendition('video-1', 640, 360), rendition('video-2', 640, 360), rendition('540p', 960, 540),
    rendition('240p', 426, 240, 'encoding'), rendition('audio', null, null),
  ];
  expect(qualities({ renditions } as Video)).toEqual(['720p', '540p', '360p']);
  expect(rungName({ name: 'video-0', width: 720, height: 1280 })).toBe('720p');
  expect(rungName({ name: 'video-0', width: null, height: null })).toBe('video-0');
});

test('a recording is known by its container, or by the layers that were published', () => {
  const video = (rung: string, container: string | null, status = 'ready') =>
    ({ status, source: { container, bytes: 9 }, renditions: [{ name: rung }] }) as Video;
  expect([wasLive(video('video-0', null)), wasLive(video('audio', 'live'))]).toEqual([true, true]);
  expect([wasLive(video('720p', 'mp4')), wasLive(video('720p', null)), wasLive(video('audio', null))]).toEqual([false, false, false]);
  expect(wasLive(video('video-0', 'live', 'live'))).toBe(false);
});

test('each reason for which renditions failed is shown once', () => {
  const rendition = (name: string, state: string, message?: string) => ({ name, state, reason: message ? { code: 'x', message } : null });
  const video = { renditions: [rendition('720p', 'failed', 'it broke'), rendition('360p', 'failed', 'it broke'), rendition('audio', 'failed', 'no sound'), rendition('240p', 'ready')] } as Video;
  expect(whyFailed(video)).toEqual([
    { names: '720p, 360p', message: 'it broke' },
    { names: 'Audio', message: 'no sound' },
  ]);
});

test('encoding is shown until all is there, and its tallest picture is the one that has begun', () => {
  const rendition = (height: number | null, state: string, progress: number) => ({ name: 'x', height, state, progress });
  const video = (status: string, renditions: object[]) => ({ status, renditions }) as Video;
  const growing = video('playable', [rendition(720, 'waiting', 0), rendition(360, 'encoding', 0.1), rendition(240, 'ready', 1), rendition(null, 'ready', 1)]);
  expect([isEncoding(growing), tallest(growing)]).toEqual([true, 360]);
  expect(isEncoding(video('ready', [rendition(720, 'ready', 1)]))).toBe(false);
  expect(isEncoding(video('ready', [rendition(720, 'failed', 0.4), rendition(240, 'ready', 1)]))).toBe(true);
  const failed = video('failed', [rendition(720, 'waiting', 0), rendition(240, 'failed', 0)]);
  expect([isEncoding(failed), isStuck(failed), tallest(video('failed', []))]).toEqual([false, true, 0]);
});

test('a screen reader announces each quarter once, without the beginning and the end', () => {
  expect(quarterReached(0, 0.24)).toBeNull();
  expect(quarterReached(0.24, 0.26)).toBe(25);
  expect(quarterReached(0.26, 0.49)).toBeNull();
  expect(quarterReached(0.3, 0.8)).toBe(75);
  expect(quarterReached(0.8, 1)).toBeNull();
  expect(quarterReached(0.8, 0.6)).toBeNull();
});
