import { t } from '../i18n/text';
import type { Video } from '../api/wire';

export type Rendition = Video['renditions'][number];

/** What a rendition is called: 720p, Original, Sound. */
export function rungName(name: string): string {
  if (name === 'source') return t('rung.source');
  const [, , number] = /^audio(-(\d+))?$/.exec(name) ?? [];
  if (number !== undefined) return t('rung.soundNumber', { number });
  return name === 'audio' ? t('rung.sound') : name;
}

/** Where a rendition stands, in words. */
export function rungState({ state, progress }: Rendition): string {
  switch (state) {
    case 'ready':
      return t('rung.ready');
    case 'failed':
      return t('rung.failed');
    case 'encoding':
      return t('rung.percent', { percent: Math.floor(progress * 100) });
    default:
      return t('rung.waiting');
  }
}

/** Whether something of a lecture couldn't be made and may be tried again. */
export function hasFailed(video: Video): boolean {
  return video.status === 'failed' || video.renditions.some((one) => one.state === 'failed');
}

/** Why renditions failed: each reason once, with the names of those that it stopped. */
export function whyFailed(video: Video): { names: string; message: string }[] {
  const stopped = new Map<string, string[]>();
  for (const { name, state, reason } of video.renditions) {
    if (state !== 'failed' || !reason) continue;
    stopped.set(reason.message, [...(stopped.get(reason.message) ?? []), rungName(name)]);
  }
  return [...stopped].map(([message, names]) => ({ names: names.join(', '), message }));
}

/** Whether nothing more will be made of a lecture unless somebody asks. */
export function isStuck(video: Video): boolean {
  if (video.status === 'failed') return true;
  const settled = video.renditions.every((one) => one.state === 'ready' || one.state === 'failed');
  return hasFailed(video) && settled;
}

/** Whether there is something to show of how a lecture is encoded. */
export function isEncoding(video: Video): boolean {
  const open = video.status === 'processing' || video.status === 'playable';
  return open && video.renditions.some((one) => one.state !== 'ready');
}

/** The height of the tallest picture that is there, at least in part. */
export function tallest(video: Video): number {
  const begun = video.renditions.filter((one) => one.state === 'ready' || (one.state === 'encoding' && one.progress > 0));
  return Math.max(0, ...begun.map((one) => one.height ?? 0));
}

const step = 25;

/** The quarter that has been reached since, for who listens; null where it is the same, the beginning or the end. */
export function quarterReached(before: number, now: number): number | null {
  const quarter = Math.floor((now * 100) / step) * step;
  return quarter > Math.floor((before * 100) / step) * step && quarter < 100 ? quarter : null;
}
