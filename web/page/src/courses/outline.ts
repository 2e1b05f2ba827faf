import type { CourseDetails, CourseItem, CourseModule, CourseProgress, ItemProgress } from '../api/wire';
import { resumeAt } from '../watching/played';

/** An item where it stands in the course. */
export interface Place {
  item: CourseItem;
  module: CourseModule;
  /** Counted through all modules, from 1. */
  number: number;
  look: Look;
}

/** What somebody can do with an item now. */
export type Look = 'ready' | 'live' | 'scheduled' | 'preparing' | 'failed' | 'deleted' | 'locked';

/** Whether an item can be opened: it plays, or it says when it begins. */
export function opens(look: Look): boolean {
  return look === 'ready' || look === 'live' || look === 'scheduled';
}

/** All items of a course in their order; for a learner's eyes, those of modules that are not open yet are locked. */
export function places(course: CourseDetails, asLearner: boolean, now: number): Place[] {
  let number = 0;
  return course.modules.flatMap((module) => {
    const isClosed = asLearner && opening(course, module, now) !== null;
    return module.items.map((item) => ({ item, module, number: ++number, look: isClosed ? 'locked' : look(item) }));
  });
}

function look({ content_id, state }: CourseItem): Look {
  if (state === 'deleted') return 'deleted';
  if (!content_id) return 'locked';
  if (state === 'failed') return 'failed';
  if (state === 'live' || state === 'scheduled') return state;
  return state === 'playable' || state === 'ready' ? 'ready' : 'preparing';
}

/** When a module opens for learners, in milliseconds since 1970; null if that is past, or if no date is set. */
export function opening(course: CourseDetails, module: CourseModule, now: number): number | null {
  const times = [course.opens_at, module.opens_at].map((time) => (time ? Date.parse(time) : 0));
  const last = Math.max(...times);
  return last > now ? last : null;
}

/** Where a learner continues: what is live now, else what was begun last, else what follows the last completed item, else the first item. */
export function startWith(all: Place[], progress: CourseProgress | null): Place | null {
  const live = all.find((place) => place.look === 'live');
  if (live !== undefined) return live;
  const open = all.filter((place) => place.look === 'ready');
  const of = new Map(progress?.items.map((each) => [each.item_id, each]));
  const state = (place: Place) => of.get(place.item.id);
  const begun = open.findLast((place) => isBegun(state(place)));
  if (begun !== undefined) return begun;
  const last = open.findLastIndex((place) => state(place)?.completed);
  return open.slice(last + 1).find((place) => !state(place)?.completed) ?? open.find((place) => !state(place)?.completed) ?? open[0] ?? all.find((place) => place.look === 'scheduled') ?? null;
}

/** The nearest item after or before another one that can be watched. */
export function neighbour(all: Place[], id: string, where: 'next' | 'previous'): Place | null {
  const at = all.findIndex((place) => place.item.id === id);
  if (at < 0) return null;
  const rest = where === 'next' ? all.slice(at + 1) : all.slice(0, at).reverse();
  return rest.find((place) => place.look === 'ready' || place.look === 'live') ?? null;
}

/** Whether playback of an item continues in its middle; at its end, it starts from the beginning. */
export function isBegun(item: ItemProgress | undefined): boolean {
  return item !== undefined && !item.completed && item.seconds > 0 && resumeAt(item.position, item.duration ?? 0) > 0;
}

/** The watched share of an item, 0 to 1. */
export function share(item: ItemProgress | undefined): number {
  if (item === undefined) return 0;
  if (item.completed) return 1;
  return item.duration ? Math.min(1, item.seconds / item.duration) : 0;
}
