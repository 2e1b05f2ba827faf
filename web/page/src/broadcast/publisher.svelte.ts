import { Problem } from '../api/problem';
import { between, count, type Counts, type Quality } from './quality';
import { Whip, type Media } from './whip';
import type { Why } from './why';

export type PublisherState = 'off' | 'connecting' | 'live' | 'reconnecting' | 'replaced' | 'over' | 'failed';

const longestWait = 5000;
/** How many first attempts may get no media through before the teacher is told. */
const mostBlind = 2;
const measureEvery = 2000;

/** Keeps a lecture published: through a lost network, a restarted server and a change of what is shown. */
export class Publisher {
  state = $state<PublisherState>('off');
  problem = $state<Problem | null>(null);
  quality = $state.raw<Quality | null>(null);
  #whip: Whip | null = null;
  #media: Media | null = null;
  #generation = 0;
  #wake: () => void = () => undefined;
  #measuring: ReturnType<typeof setInterval> | undefined;
  #counts: Counts | null = null;
  #hasBeenLive = false;
  readonly #gone = new AbortController();

  constructor(
    private readonly url: () => string,
    private readonly why: () => Promise<Why>,
  ) {
    window.addEventListener('online', () => this.#wake(), { signal: this.#gone.signal });
  }

  /** Whether the lecture is published, or is meant to be. */
  get isOn(): boolean {
    return this.state === 'connecting' || this.state === 'live' || this.state === 'reconnecting';
  }

  /** Publishes, or publishes something else from now on. */
  async show(media: Media): Promise<void> {
    const before = this.#media;
    this.#media = media;
    if (!this.isOn) return;
    const whip = this.#whip;
    // A screen and a camera are encoded in different ways, which are settled when a connection begins.
    if (whip !== null && this.state === 'live' && before?.shows === media.shows && whip.fits(media.stream)) {
      await whip.replace(media.stream).catch(() => this.start(media));
    } else this.start(media);
  }

  start(media: Media): void {
    this.#media = media;
    this.problem = null;
    if (this.state !== 'live') this.state = this.#hasBeenLive ? 'reconnecting' : 'connecting';
    this.#measuring ??= setInterval(() => void this.#measure(), measureEvery);
    void this.#run(++this.#generation);
  }

  /** Ends the connection; the lecture may go on from another place. */
  stop(state: PublisherState = 'off'): void {
    this.#generation += 1;
    this.#wake();
    clearInterval(this.#measuring);
    this.#measuring = undefined;
    this.#whip?.close();
    this.#whip = null;
    this.quality = null;
    this.#counts = null;
    this.state = state;
  }

  /** Stops for good: the window no longer keeps what this publishes. */
  close(): void {
    this.#gone.abort();
    if (this.isOn) this.stop();
  }

  async #run(generation: number): Promise<void> {
    const isOld = () => generation !== this.#generation;
    let last: Whip | null = null;
    let blind = 0;
    for (let attempt = 0; !isOld(); attempt += 1) {
      // The lecture may go on from another place by now, which has to keep it.
      if (last !== null && (await last.hasEnded()) && (await this.#isOver(generation))) return;
      if (isOld()) return;
      try {
        const whip = await Whip.open(this.url(), this.#media as Media);
        if (isOld()) return whip.close();
        this.#take(whip);
        last = whip;
        attempt = 0;
        await whip.lost;
        if (isOld()) return;
        whip.drop();
      } catch (thrown) {
        if (isOld()) return;
        const problem = Problem.of(thrown);
        if (problem.code === 'no_media') blind += 1;
        this.problem = problem;
        if (isFinal(problem) || (blind >= mostBlind && !this.#hasBeenLive)) return this.stop('failed');
      }
      if (isOld()) return;
      this.state = this.#hasBeenLive ? 'reconnecting' : 'connecting';
      await this.#pause(Math.min(longestWait, 250 * 2 ** attempt));
    }
  }

  /** Takes a new connection into use; the server has put it in the place of the one before. */
  #take(whip: Whip): void {
    this.#whip?.drop();
    this.#whip = whip;
    this.#counts = null;
    this.problem = null;
    this.#hasBeenLive = true;
    this.state = 'live';
  }

  /** Stops if the lecture goes on without this place, or not at all; false if this run has to publish it again. */
  async #isOver(generation: number): Promise<boolean> {
    const why = await this.why().catch(() => null);
    // Meanwhile the teacher may have stopped, or begun again; the answer is not about that.
    if (generation !== this.#generation) return true;
    if (why !== null) this.stop(why);
    return why !== null;
  }

  async #measure(): Promise<void> {
    const whip = this.#whip;
    if (whip === null || this.state !== 'live') return;
    const report = await whip.peer.getStats().catch(() => null);
    if (report === null || whip !== this.#whip) return;
    const now = count(report.values() as Iterable<Record<string, unknown>>, performance.now());
    if (this.#counts !== null) this.quality = between(this.#counts, now);
    this.#counts = now;
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Whether trying again is of no use. */
function isFinal({ status }: Problem): boolean {
  return (status >= 400 && status < 500 && status !== 408 && status !== 429) || status === 507;
}
