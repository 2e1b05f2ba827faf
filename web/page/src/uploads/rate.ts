const windowSeconds = 12;
const soonest = 2;

/** The upload rate over the last seconds, so that one slow moment doesn't make the estimate jump. */
export class RateMeter {
  #samples: { at: number; bytes: number }[] = [];

  /** Notes the bytes sent by a time in seconds; a smaller number (a request sent again) restarts the measurement. */
  note(at: number, bytes: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && bytes < last.bytes) this.#samples = [];
    this.#samples.push({ at, bytes });
    while (this.#samples.length > 2 && (this.#samples[0]?.at ?? at) < at - windowSeconds) this.#samples.shift();
  }

  /** Bytes per second; null while it is too early to estimate. */
  rate(): number | null {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at - first.at < soonest) return null;
    return (last.bytes - first.bytes) / (last.at - first.at);
  }

  clear(): void {
    this.#samples = [];
  }
}

const smallest = 1 << 20;
const largest = 32 << 20;
const secondsPerRequest = 4;

/** How many bytes to send in one request, so that the server acknowledges some every few seconds on any connection. */
export function pieceFor(rate: number | null): number {
  if (rate === null) return 4 << 20;
  return Math.round(Math.min(largest, Math.max(smallest, rate * secondsPerRequest)));
}
