import { t } from '../i18n/text';
import type { Video } from '../api/wire';

export type Rendition = Video['renditions'][number];

/** A rendition's name on the page: 720p, Original, Audio. What a live lecture was sent in is named by its height. */
export function rungName({ name, height }: Pick<Rendition, 'name' | 'height'>): string {
  if (/^video-\d+$/.test(name) && height) return `${height}p`;
  if (name === 'source') return t('rung.source');
  const [, , number] = /^audio(-(\d+))?$/.exec(name) ?? [];
  if (number !== undefined) return t('rung.soundNumber', { number });
  return name === 'audio' ? t('rung.sound') : name;
}

/** A rendition's state in words. */
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

/** Whether a lecture, or one of its renditions, failed and may be retried. */
export function hasFailed(video: Video): boolean {
  return video.status === 'failed' || video.renditions.some((one) => one.state === 'failed');
}

/** Why renditions failed: each reason once, with the names of the renditions that it stopped. */
export function whyFailed(video: Video): { names: string; message: string }[] {
  const stopped = new Map<string, string[]>();
  for (const { name, height, state, reason } of video.renditions) {
    if (state !== 'failed' || !reason) continue;
    stopped.set(reason.message, [...(stopped.get(reason.message) ?? []), rungName({ name, height })]);
  }
  return [...stopped].map(([message, names]) => ({ names: names.join(', '), message }));
}

/** Whether a lecture stays as it is until somebody retries it. */
export function isStuck(video: Video): boolean {
  if (video.status === 'failed') return true;
  const settled = video.renditions.every((one) => one.state === 'ready' || one.state === 'failed');
  return hasFailed(video) && settled;
}

/** Whether the page shows the encoding of a lecture, which includes what failed of it. */
export function isEncoding(video: Video): boolean {
  const shown = video.status === 'processing' || video.status === 'playable' || video.status === 'ready';
  return shown && video.renditions.some((one) => one.state !== 'ready');
}

/** The height of the tallest rendition that exists, at least in part. */
export function tallest(video: Video): number {
  const begun = video.renditions.filter((one) => one.state === 'ready' || (one.state === 'encoding' && one.progress > 0));
  return Math.max(0, ...begun.map((one) => one.height ?? 0));
}

const step = 25;

/** The quarter reached since, to announce; null if it is the same one, the beginning or the end. */
export function quarterReached(before: number, now: number): number | null {
  const quarter = Math.floor((now * 100) / step) * step;
  return quarter > Math.floor((before * 100) / step) * step && quarter < 100 ? quarter : null;
}
