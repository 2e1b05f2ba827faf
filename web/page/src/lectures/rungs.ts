import { t } from '../i18n/text';
import type { Video } from '../api/wire';

export type Rendition = Video['renditions'][number];

/** Whether a rendition is one of the pictures that a live lecture was published in; their names have no size. */
export function isLayer({ name }: Pick<Rendition, 'name'>): boolean {
  return /^video-\d+$/.test(name);
}

/** The size that names a picture, in landscape its height; 0 for a rendition without one. */
function shortSide({ width, height }: Pick<Rendition, 'width' | 'height'>): number {
  return Math.min(width ?? 0, height ?? 0);
}

/** A rendition's name on the page: 720p, Original, Audio. */
export function rungName(rung: Pick<Rendition, 'name' | 'width' | 'height'>): string {
  const { name } = rung;
  if (name === 'source') return t('rung.source');
  if (name === 'audio-opus') return t('rung.soundOpus');
  if (isLayer(rung) && shortSide(rung) > 0) return `${shortSide(rung)}p`;
  const [, , number] = /^audio(-(\d+))?$/.exec(name) ?? [];
  if (number !== undefined) return t('rung.soundNumber', { number });
  return name === 'audio' ? t('rung.sound') : name;
}

/** The names of the pictures that can be watched, the largest first and each once. */
export function qualities(video: Video): string[] {
  const rungs = video.renditions.filter((one) => one.state === 'ready' && shortSide(one) > 0);
  return [...new Set(rungs.sort((one, other) => shortSide(other) - shortSide(one)).map((one) => rungName(one)))];
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
  for (const rung of video.renditions) {
    const { state, reason } = rung;
    if (state !== 'failed' || !reason) continue;
    stopped.set(reason.message, [...(stopped.get(reason.message) ?? []), rungName(rung)]);
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
