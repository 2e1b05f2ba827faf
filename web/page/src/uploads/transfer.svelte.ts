import type { DetailedError, Upload } from 'tus-js-client';
import { Problem } from '../api/problem';
import type { Video } from '../api/wire';
import { t } from '../i18n/text';
import { session } from '../session/session.svelte';
import { announcer } from '../shell/announcer.svelte';
import { explain, next } from './failure';
import { pieceFor, RateMeter } from './rate';
import { forget, remember } from './samefile';

export type Stage = 'queued' | 'starting' | 'sending' | 'paused' | 'waiting' | 'done' | 'failed' | 'cancelled';

const endpoint = '/api/v1/content/upload';
const announceEvery = 25;
/** The server's limit. */
const longestTitle = 200;

/** One file on its way to the server. */
export class Transfer {
  readonly key = crypto.getRandomValues(new Uint32Array(4)).join('-');
  readonly file: File;
  readonly title: string;
  stage = $state<Stage>('queued');
  videoId = $state<string | null>(null);
  /** Bytes that the server has confirmed as stored. */
  acknowledged = $state(0);
  /** Bytes that have left this machine; some may be lost on the way. */
  sent = $state(0);
  /** Bytes per second; null while it is too early to estimate. */
  rate = $state<number | null>(null);
  problem = $state<Problem | null>(null);
  share = $derived.by(() => this.acknowledged / this.file.size);
  secondsLeft = $derived.by(() => (this.rate ? (this.file.size - this.sent) / this.rate : null));

  #url: string | null;
  #tus: Upload | null = null;
  #preparing: Promise<Upload> | null = null;
  #meter = new RateMeter();
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #announced = 0;
  #whenOver: () => void = () => undefined;
  #whenCreated: (id: string) => void = () => undefined;
  /** The lecture's id, as soon as the server knows the lecture. */
  readonly created = new Promise<string>((resolve) => (this.#whenCreated = resolve));

  /** A new upload, or the rest of an unfinished one. */
  constructor(file: File, begun: Video | null) {
    this.file = file;
    this.title = begun?.title || titleOf(file.name);
    this.#url = begun?.upload?.url ?? null;
    if (begun === null) return;
    this.videoId = begun.id;
    this.acknowledged = begun.upload?.offset ?? 0;
    this.sent = this.acknowledged;
    this.#announced = Math.floor((this.share * 100) / announceEvery);
  }

  get isOver(): boolean {
    return this.stage === 'done' || this.stage === 'failed' || this.stage === 'cancelled';
  }

  /** Sends the file; resolves when the upload has ended or is paused, so that the next one can start. */
  run(): Promise<void> {
    this.stage = 'starting';
    return new Promise((resolve) => {
      this.#whenOver = resolve;
      void this.#begin();
    });
  }

  pause(): void {
    if (this.isOver) return;
    clearTimeout(this.#timer);
    void this.#tus?.abort();
    this.#rest('paused');
    this.#whenOver();
  }

  /** Stops, and makes the server delete what it received. */
  async cancel(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#tus?.abort();
    if (this.#url === null) {
      this.#over('cancelled');
      return;
    }
    this.#rest('paused');
    try {
      const { Upload } = await import('tus-js-client');
      await Upload.terminate(this.#url, { ...this.#tus?.options, retryDelays: [500, 2000, 4000] });
      this.#over('cancelled');
    } catch (thrown) {
      const problem = problemOf(thrown);
      // The upload no longer exists, so it needs no cancelling.
      if (problem.status === 404 || problem.status === 410) this.#over('cancelled');
      else this.#fail(problem);
    }
  }

  /** Retries at once instead of after the wait. */
  wake(): void {
    if (this.stage !== 'waiting') return;
    clearTimeout(this.#timer);
    this.#attempt = 0;
    this.#tus?.start();
  }

  async #begin(): Promise<void> {
    try {
      this.#preparing ??= this.#prepare();
      this.#tus = await this.#preparing;
    } catch {
      this.#preparing = null;
      this.#fail(new Problem(0, 'page', t('problem.page')));
      return;
    }
    if (this.stage === 'starting') this.#tus.start();
  }

  async #prepare(): Promise<Upload> {
    const { Upload } = await import('tus-js-client');
    const upload = new Upload(this.file, {
      ...(this.#url === null ? { endpoint } : { uploadUrl: this.#url }),
      metadata: { filename: this.file.name, filetype: this.file.type || 'application/octet-stream', title: this.title },
      chunkSize: pieceFor(null),
      // This class decides about retries, because it knows when the browser is offline.
      retryDelays: null,
      // The server keeps the upload's address for its owner; this browser keeps no secret.
      storeFingerprintForResuming: false,
      onBeforeRequest: async (request) => {
        if (request.getMethod() !== 'POST') return;
        request.setHeader('Authorization', `Bearer ${await session.token()}`);
        request.setHeader('Idempotency-Key', this.key);
      },
      onUploadUrlAvailable: () => this.#created(upload),
      onProgress: (sent) => this.#moved(sent),
      onAfterResponse: (_request, answer) => this.#stored(Number.parseInt(answer.getHeader('Upload-Offset') ?? '', 10)),
      onChunkComplete: () => this.#arrived(upload),
      onSuccess: () => this.#succeeded(),
      onError: (error) => this.#failedOnce(error),
    });
    return upload;
  }

  #created(upload: Upload): void {
    if (this.#url === null && upload.url !== null) {
      this.#url = upload.url;
      this.videoId = new URL(upload.url, location.href).pathname.split('/').at(-1) ?? null;
      if (this.videoId !== null) {
        remember(this.videoId, this.file);
        this.#whenCreated(this.videoId);
      }
      // Otherwise tus-js-client would create a second lecture if the first one is gone.
      delete upload.options.endpoint;
    }
    this.stage = 'sending';
    this.problem = null;
    this.#meter.clear();
  }

  #moved(sent: number): void {
    if (this.stage !== 'sending') this.stage = 'sending';
    this.sent = sent;
    this.#meter.note(performance.now() / 1000, sent);
    this.rate = this.#meter.rate();
  }

  #stored(offset: number): void {
    if (Number.isFinite(offset)) this.acknowledged = offset;
  }

  #arrived(upload: Upload): void {
    this.#attempt = 0;
    upload.options.chunkSize = pieceFor(this.rate);
    const step = Math.floor((this.share * 100) / announceEvery);
    if (step > this.#announced && this.share < 1) {
      announcer.say(t('upload.announcePart', { name: this.file.name, percent: step * announceEvery }));
    }
    this.#announced = Math.max(step, this.#announced);
  }

  #succeeded(): void {
    this.acknowledged = this.file.size;
    this.sent = this.file.size;
    announcer.say(t('upload.announceDone', { name: this.file.name }));
    this.#over('done');
  }

  #failedOnce(thrown: unknown): void {
    const problem = problemOf(thrown);
    const status = problem.code === 'network' ? null : problem.status;
    const what = problem.status === 401 && this.#url === null ? { kind: 'again', after: 1000 } : next(status, this.#attempt, problem.againAt);
    if (what.kind === 'over' || !('after' in what)) {
      void this.#giveUp(problem);
      return;
    }
    if (this.#attempt === 2) announcer.say(t('upload.announceWaiting', { name: this.file.name }));
    this.#attempt += 1;
    this.problem = problem;
    this.#rest('waiting');
    this.#timer = setTimeout(() => void this.#again(problem), what.after);
  }

  async #again(problem: Problem): Promise<void> {
    if (problem.status === 401) await session.renew().catch(() => undefined);
    if (this.stage === 'waiting') this.#tus?.start();
  }

  async #giveUp(problem: Problem): Promise<void> {
    const said = await explain(problem, this.file.size);
    // Somebody may have cancelled or paused it meanwhile.
    if (!this.isOver && this.stage !== 'paused') this.#fail(said);
  }

  #fail(problem: Problem): void {
    this.problem = problem;
    announcer.say(t('upload.announceFailed', { name: this.file.name }));
    this.#over('failed');
  }

  #rest(stage: Stage): void {
    this.stage = stage;
    this.sent = this.acknowledged;
    this.rate = null;
    this.#meter.clear();
  }

  #over(stage: Stage): void {
    this.#rest(stage);
    if (this.videoId !== null) forget(this.videoId);
    this.#whenOver();
  }
}

/** A title made from a file's name; the owner can improve it. */
export function titleOf(filename: string): string {
  const stem = filename.replace(/\.[A-Za-z0-9]{1,5}$/, '');
  return (stem.replace(/[_\s]+/g, ' ').trim() || filename).slice(0, longestTitle);
}

function problemOf(thrown: unknown): Problem {
  const answer = (thrown as Partial<DetailedError>).originalResponse;
  if (answer === undefined || answer === null) {
    // tus-js-client reports a lost connection as an error with a request and without a response.
    return (thrown as Partial<DetailedError>).originalRequest ? Problem.network() : Problem.of(thrown);
  }
  return Problem.parse(answer.getStatus(), answer.getBody(), answer.getHeader('Retry-After') ?? null);
}
