import type { Video } from '../api/wire';

interface Picked {
  name: string;
  size: number;
  lastModified: number;
}

export type Match = 'same' | 'another' | 'changed';

/** Whether a chosen file is the one of an unfinished upload, as far as its name, size and date show. */
export function match(file: Picked, video: Video): Match {
  const named = video.source.filename || file.name;
  if (file.name !== named || file.size !== video.upload?.length) return 'another';
  const known = localStorage.getItem(key(video.id));
  // Another device doesn't know when the file was last changed; name and size must suffice there.
  return known === null || known === String(file.lastModified) ? 'same' : 'changed';
}

/** Remembers the modification time of an upload's file. */
export function remember(videoId: string, file: Picked): void {
  localStorage.setItem(key(videoId), String(file.lastModified));
}

export function forget(videoId: string): void {
  localStorage.removeItem(key(videoId));
}

function key(videoId: string): string {
  return `moocflix.upload.${videoId}`;
}
