import type { Attendee } from '../api/live';

/** Somebody who was seen so lately is still there. Units: milliseconds */
const lately = 15_000;

/** How long somebody has watched. Units: seconds */
export function stayed({ from, until }: Attendee): number {
  return Math.max(0, (Date.parse(until) - Date.parse(from)) / 1000);
}

/** Whether somebody is there now. */
export function isThere({ until }: Attendee, now: number): boolean {
  return now - Date.parse(until) < lately;
}
