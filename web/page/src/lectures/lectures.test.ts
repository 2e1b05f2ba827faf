import { expect, test } from 'vitest';
import type { Video } from '../api/wire';
import { EventReader } from './events';
import { merge } from './list.svelte';
import { told, unsettled } from './state';

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

test('a lecture that waits for a converter is told as such and not asked for again and again', () => {
  const video = (status: string, code?: string) => ({ status, reason: code ? { code, message: '' } : null }) as Video;
  expect(told(video('processing', 'needs_transcoding'))).toEqual({ text: 'status.needsTranscoding', tone: 'warn' });
  expect(unsettled(video('processing', 'needs_transcoding'))).toBe(false);
  expect(unsettled(video('processing'))).toBe(true);
  expect(unsettled(video('ready'))).toBe(false);
  expect(unsettled(video('failed', 'media_truncated'))).toBe(false);
});
