const lookEvery = 60;
/** How long after the last sound it still counts as heard. Units: milliseconds */
const heardFor = 3000;
/** The quietest level that is a voice and not a fan. */
const voice = 0.02;

/** How loud a microphone is. */
export class Level {
  /** The loudness now, 0 to 1. */
  value = $state(0);
  /** Whether something was heard in the last seconds. */
  heard = $state(false);
  #context: AudioContext | null = null;
  readonly #samples = new Float32Array(1024);
  #source: MediaStreamAudioSourceNode | null = null;
  #analyser: AnalyserNode | null = null;
  #heardAt = 0;
  readonly #timer = setInterval(() => this.#look(), lookEvery);

  /** Listens to another microphone; null: to none. */
  listen(track: MediaStreamTrack | null): void {
    this.#source?.disconnect();
    this.#source = null;
    this.value = 0;
    this.heard = false;
    if (track === null) return;
    // Browsers let no page listen that hasn't been allowed to.
    this.#context ??= new AudioContext();
    void this.#context.resume();
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(this.#analyser);
  }

  close(): void {
    clearInterval(this.#timer);
    void this.#context?.close();
    this.#context = null;
  }

  #look(): void {
    if (this.#source === null || this.#analyser === null) return;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, each) => sum + each * each, 0) / this.#samples.length;
    const loudness = Math.sqrt(power);
    if (loudness > voice) this.#heardAt = performance.now();
    this.heard = this.#heardAt > 0 && performance.now() - this.#heardAt < heardFor;
    // In decibels, as ears hear: from -60 to 0.
    this.value = Math.min(1, Math.max(0, 1 + (20 * Math.log10(loudness || 1e-6)) / 60));
  }
}
