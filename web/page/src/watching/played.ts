/** A part of a lecture that was played, in seconds. */
export type Interval = [from: number, to: number];

/** A step between two reports of the position that is still playback and no jump; background tabs report rarely. */
const longestStep = 5;

/** Collects the parts of a lecture that were really played, so that only these count as watched. */
export class Played {
  #done: Interval[] = [];
  #now: Interval | null = null;

  /** Playback is at this position. */
  reach(at: number, speed = 1): void {
    if (this.#now === null) {
      this.#now = [at, at];
      return;
    }
    const step = at - this.#now[1];
    if (step >= 0 && step <= longestStep * Math.max(1, speed)) this.#now[1] = at;
    else {
      this.cut();
      this.#now = [at, at];
    }
  }

  /** Playback pauses or jumps. */
  cut(): void {
    if (this.#now !== null && this.#now[1] > this.#now[0]) this.#done.push(this.#now);
    this.#now = null;
  }

  /** Returns what was played since the last call. */
  take(): Interval[] {
    const now = this.#now;
    this.cut();
    if (now !== null) this.#now = [now[1], now[1]];
    const taken = merge(this.#done);
    this.#done = [];
    return taken;
  }

  /** Takes back what could not be sent. */
  giveBack(intervals: Interval[]): void {
    this.#done.push(...intervals);
  }
}

/** The same parts in order, those that touch as one, rounded to hundredths of a second. */
export function merge(intervals: Interval[]): Interval[] {
  const rounded = intervals.map(([from, to]): Interval => [round(from), round(to)]).sort((a, b) => a[0] - b[0]);
  const merged: Interval[] = [];
  for (const [from, to] of rounded) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

export function round(seconds: number): number {
  return Math.max(0, Math.round(seconds * 100) / 100);
}

/** Where playback resumes: at the beginning if it had hardly begun, or was over. */
export function resumeAt(position: number, duration: number): number {
  return position < 3 || (duration > 0 && position > duration - 5) ? 0 : position;
}
