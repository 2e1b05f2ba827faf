/** How long the last request for a lost packet counts. Units: milliseconds */
const lasts = 30_000;
/** Units: milliseconds */
const [least, most] = [100, 1000];

/** What a browser counts of a connection. */
interface Counted {
  type: string;
  nackCount?: number;
  nominated?: boolean;
  /** Units: seconds */
  currentRoundTripTime?: number;
}

/**
 * How long pictures and sound should wait before they are shown. A browser waits as long as it needs on an even line. Where
 * packets are lost, it knows too little of the way there and back: it gives a picture up when the next key frame is there
 * before the missing packet. So there is time to ask for a packet twice.
 */
export class Cushion {
  #asked = 0;
  #until = 0;
  #wait = 0;

  /** The wait by what the browser has counted so far; none if the browser should decide. Units: milliseconds */
  look(report: { forEach(each: (it: Counted) => void): void }, now: number): number | null {
    let [asked, roundTrip] = [0, 0];
    report.forEach((it) => {
      if (it.type === 'inbound-rtp') asked += it.nackCount ?? 0;
      if (it.type === 'candidate-pair' && it.nominated) roundTrip = Math.max(roundTrip, it.currentRoundTripTime ?? 0);
    });
    if (asked > this.#asked) this.#until = now + lasts;
    this.#asked = asked;
    if (now >= this.#until) {
      this.#wait = 0;
      return null;
    }
    // Each change makes playback faster or slower for a moment.
    const wanted = Math.ceil((2000 * roundTrip + 60) / 50) * 50;
    this.#wait = Math.max(this.#wait, Math.min(most, Math.max(least, wanted)));
    return this.#wait;
  }
}
