import type { CourseDetails } from '../api/wire';
import { plural, t } from '../i18n/text';

/** Something to do before a course is published. */
export interface Todo {
  text: string;
  /** `must`: the server publishes no course without it. */
  kind: 'must' | 'should';
}

/** What a course lacks, by the rules of the server and those of good courses. */
export function todos(course: CourseDetails, now: number): Todo[] {
  const found: Todo[] = [];
  const must = (text: string) => found.push({ text, kind: 'must' });
  const items = course.modules.flatMap((module) => module.items);
  if (course.ends_at && Date.parse(course.ends_at) <= now) must(t('check.ended'));
  if (course.modules.length === 0) must(t('check.noModule'));
  for (const module of course.modules) if (module.items.length === 0) must(t('check.emptyModule', { title: module.title }));
  for (const item of items) {
    if (item.state === 'deleted') must(t('check.deleted', { title: item.title }));
    if (item.state === 'failed') must(t('check.failed', { title: item.title }));
  }
  const counts = (state: string | null | undefined) => ['playable', 'ready', 'live', 'scheduled'].includes(state ?? '');
  if (items.length > 0 && !items.some((item) => counts(item.state))) must(t('check.nonePlayable'));
  const waiting = items.filter((item) => item.state === 'uploading' || item.state === 'processing');
  if (waiting.length > 0 && found.length === 0) found.push({ text: plural('check.waiting', waiting.length), kind: 'should' });
  if (course.description.trim() === '') found.push({ text: t('check.noDescription'), kind: 'should' });
  return found;
}
