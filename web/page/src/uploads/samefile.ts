import type { Video } from '../api/wire';

interface Picked {
  name: string;
  size: number;
  lastModified: number;
}

export type Match = 'same' | 'another' | 'changed';

/** Whether a chosen file is the one whose upload was begun, as far as can be told without reading it. */
export function match(file: Picked, video: Video): Match {
  if (file.name !== video.source.filename || file.size !== video.upload?.length) return 'another';
  const known = localStorage.getItem(key(video.id));
  // Another device doesn't know when the file was changed last; there name and size have to do.
  return known === null || known === String(file.lastModified) ? 'same' : 'changed';
}

/** Remembers which state of the file an upload is of. */
export function remember(videoId: string, file: Picked): void {
  localStorage.setItem(key(videoId), String(file.lastModified));
}

export function forget(videoId: string): void {
  localStorage.removeItem(key(videoId));
}

function key(videoId: string): string {
  return `moocflix.upload.${videoId}`;
}
