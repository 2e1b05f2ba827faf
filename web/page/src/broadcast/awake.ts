/** Keeps the screen on, so that a computer doesn't fall asleep during a lecture. */
export class Awake {
  #lock: WakeLockSentinel | null = null;

  constructor(
    private readonly isWanted: () => boolean,
    signal: AbortSignal,
  ) {
    // Browsers take the lock away from a tab in the background.
    document.addEventListener('visibilitychange', () => void this.keep(), { signal });
    signal.addEventListener('abort', () => this.release());
  }

  async keep(): Promise<void> {
    if (document.hidden || !this.isWanted()) return;
    // Some browsers have no such lock, and none gives it to a computer whose battery is low.
    this.#lock = (await navigator.wakeLock?.request('screen').catch(() => null)) ?? null;
    if (!this.isWanted()) this.release();
  }

  release(): void {
    void this.#lock?.release().catch(() => undefined);
    this.#lock = null;
  }
}
