import { live, type LiveLecture } from '../api/live';
import { Problem } from '../api/problem';
import { t } from '../i18n/text';
import { announcer } from '../shell/announcer.svelte';
import { Awake } from './awake';
import { Capture } from './capture.svelte';
import { onAir } from './onair.svelte';
import { Publisher } from './publisher.svelte';
import { why } from './why';

const askEvery = 3000;
const countFrom = 3;

/** A lecture that is broadcast, or is going to be, from this tab. */
export class Broadcast {
  lecture = $state.raw<LiveLecture | null>(null);
  problem = $state<Problem | null>(null);
  /** The number that is counted down to before the lecture begins. */
  counting = $state<number | null>(null);
  /** The time on the lecture's clock. Units: seconds */
  seconds = $state(0);
  readonly capture = new Capture(() => this.capture.media && void this.publisher.show(this.capture.media));
  readonly publisher = new Publisher(
    () => this.lecture?.ingest?.whip_url ?? `/api/v1/content/live/${this.id}/whip`,
    () => why(() => this.#ask()),
  );
  readonly #gone = new AbortController();
  readonly #awake = new Awake(() => this.isOn, this.#gone.signal);
  #counting: ReturnType<typeof setTimeout> | undefined;
  #isAsking = false;

  constructor(readonly id: string) {
    const { signal } = this.#gone;
    const asking = setInterval(() => void this.load(), askEvery);
    const ticking = setInterval(() => this.#tick(), 500);
    signal.addEventListener('abort', () => [asking, ticking].forEach(clearInterval));
    window.addEventListener('beforeunload', (event) => this.#warn(event), { signal });
    window.addEventListener('pagehide', () => this.publisher.isOn && this.publisher.stop(), { signal });
    void this.load();
  }

  /** The broadcast of a lecture: the one that goes on in this tab, or a new one. */
  static of(id: string): Broadcast {
    if (onAir.now?.id === id) return onAir.now;
    onAir.leave();
    onAir.now = new Broadcast(id);
    return onAir.now;
  }

  get isOn(): boolean {
    return this.publisher.isOn;
  }

  get isOver(): boolean {
    return this.lecture?.status === 'ended';
  }

  async load(): Promise<void> {
    // Requests wait while the teacher is asked to sign in again; they must not pile up.
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      await this.#ask();
      // It may have been ended elsewhere.
      if (this.isOver && (this.isOn || this.capture.media !== null)) this.#letGo();
    } catch (thrown) {
      const problem = Problem.of(thrown);
      if (this.lecture === null || problem.isBarred) this.problem = problem;
    } finally {
      this.#isAsking = false;
    }
  }

  /** Counts down, and goes live. */
  begin(): void {
    if (this.counting !== null || this.isOn) return;
    this.#count(countFrom);
  }

  cancel(): void {
    clearTimeout(this.#counting);
    this.counting = null;
  }

  /** Ends the lecture for everybody. */
  async end(): Promise<void> {
    this.lecture = await live.end(this.id);
    this.#letGo();
    announcer.done(t('studio.ended'));
  }

  async schedule(starts_at: string | null): Promise<void> {
    this.lecture = await live.change(this.id, { starts_at });
  }

  async newKey(): Promise<void> {
    this.lecture = await live.newKey(this.id);
    announcer.done(t('studio.keyRenewed'));
  }

  close(): void {
    this.#gone.abort();
    this.cancel();
    this.publisher.close();
    this.capture.close();
  }

  /** The lecture has ended: nobody needs the connection, the screen that stays on, the camera and the microphone. */
  #letGo(): void {
    this.publisher.stop('over');
    this.#awake.release();
    this.capture.close();
  }

  #count(from: number): void {
    if (from === 0) {
      this.counting = null;
      if (this.capture.media !== null) this.publisher.start(this.capture.media);
      void this.#awake.keep();
      return;
    }
    this.counting = from;
    announcer.say(String(from));
    this.#counting = setTimeout(() => this.#count(from - 1), 1000);
  }

  #tick(): void {
    const { started_at, ended_at } = this.lecture ?? {};
    if (!started_at) return;
    this.seconds = Math.max(0, ((ended_at ? Date.parse(ended_at) : Date.now()) - Date.parse(started_at)) / 1000);
  }

  #warn(event: BeforeUnloadEvent): void {
    if (!this.isOn) return;
    event.preventDefault();
    event.returnValue = t('studio.leave');
  }

  async #ask(): Promise<LiveLecture> {
    const lecture = await live.get(this.id);
    this.lecture = lecture;
    this.problem = null;
    return lecture;
  }
}
