import type { Key } from '../i18n/text';
import type { Video } from '../api/wire';
import { isLayer, isStuck } from './rungs';

/** How a state looks: work in progress, all well, attention needed, failed, or live. */
export type Tone = 'busy' | 'good' | 'warn' | 'bad' | 'live';

/** A lecture's state in words. */
export function summary(video: Video): { text: Key; tone: Tone } {
  if (isScheduled(video)) return { text: 'status.scheduled', tone: 'busy' };
  if (isLive(video)) return { text: 'status.live', tone: 'live' };
  switch (video.status) {
    case 'uploading':
      return { text: 'status.uploading', tone: 'busy' };
    case 'processing':
      if (waitsForServer(video)) return { text: 'status.waiting', tone: 'warn' };
      return { text: needsTranscoding(video) ? 'status.converting' : 'status.processing', tone: 'busy' };
    case 'playable':
      return isStuck(video) ? { text: 'status.partly', tone: 'warn' } : { text: 'status.playable', tone: 'good' };
    case 'ready':
      // Renditions that could not be encoded again remain as they were.
      return { text: isStuck(video) ? 'status.partly' : 'status.ready', tone: video.reason ? 'warn' : 'good' };
    case 'failed':
      return { text: 'status.failed', tone: 'bad' };
    default:
      return { text: 'status.deleted', tone: 'bad' };
  }
}

export function needsTranscoding(video: Video): boolean {
  return video.status === 'processing' && video.reason?.code === 'needs_transcoding';
}

/** Whether nothing happens until an administrator acts. */
export function waitsForServer(video: Video): boolean {
  return video.status === 'processing' && video.reason?.code === 'encoder_missing';
}

export function isScheduled({ status }: { status: string }): boolean {
  return status === 'scheduled';
}

export function isLive({ status }: { status: string }): boolean {
  return status === 'live';
}

export function canPlay(video: Video): boolean {
  return video.status === 'playable' || video.status === 'ready';
}

/** Whether a lecture that can be played was live. */
export function wasLive(video: Video): boolean {
  // Only those who may edit it are shown the container; one without a picture has no layers.
  return canPlay(video) && (video.source.container === 'live' || video.renditions.some(isLayer));
}

/** Whether the server may still change this lecture on its own. */
export function unsettled(video: Video): boolean {
  if (video.status === 'playable' && isStuck(video)) return false;
  if (isScheduled(video) || isLive(video)) return true;
  return video.status === 'uploading' || video.status === 'processing' || video.status === 'playable';
}

/** The share of an upload that has arrived, 0 to 1. */
export function arrived(video: Video): number {
  const upload = video.upload;
  return upload?.length ? upload.offset / upload.length : 0;
}
