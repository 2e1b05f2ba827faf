import type { Video } from '../api/wire';
import { t } from '../i18n/text';
import { Transfer } from './transfer.svelte';

/** All uploads of this tab. They run one after another, so that the first finishes soonest, and survive page changes. */
class Transfers {
  all = $state<Transfer[]>([]);
  active = $derived(this.all.filter((each) => !each.isOver));
  percent = $derived.by(() => {
    const total = this.active.reduce((sum, each) => sum + each.file.size, 0);
    const done = this.active.reduce((sum, each) => sum + each.acknowledged, 0);
    return total === 0 ? 0 : Math.floor((done / total) * 100);
  });
  #running: Transfer | null = null;

  constructor() {
    window.addEventListener('online', () => this.all.forEach((each) => each.wake()));
    window.addEventListener('beforeunload', (event) => {
      if (!this.active.some((each) => each.stage !== 'paused')) return;
      event.preventDefault();
      event.returnValue = t('upload.leave');
    });
  }

  /** The upload of a lecture, if this tab runs it. */
  of(videoId: string): Transfer | undefined {
    return this.active.find((each) => each.videoId === videoId);
  }

  add(file: File, begun: Video | null = null): Transfer {
    const known = begun === null ? undefined : this.of(begun.id);
    if (known !== undefined) return known;
    const transfer = new Transfer(file, begun);
    this.all.push(transfer);
    this.#turn();
    return transfer;
  }

  resume(transfer: Transfer): void {
    transfer.stage = 'queued';
    this.#turn();
  }

  remove(transfer: Transfer): void {
    this.all = this.all.filter((each) => each !== transfer);
  }

  pauseAll(): void {
    this.active.forEach((each) => each.pause());
  }

  /** Pauses everything and forgets it. */
  forget(): void {
    this.pauseAll();
    this.all = [];
  }

  #turn(): void {
    if (this.#running !== null) return;
    const first = this.all.find((each) => each.stage === 'queued');
    if (first === undefined) return;
    this.#running = first;
    void first.run().finally(() => {
      this.#running = null;
      this.#turn();
    });
  }
}

/** The uploads of this tab. */
export const transfers = new Transfers();
