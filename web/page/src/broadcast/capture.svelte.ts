import type { Key } from '../i18n/text';
import { Composition, type Corner } from './composition';
import { Level } from './level.svelte';
import { Mix } from './mix';
import type { Media } from './whip';

/** What the picture of a lecture is made of. */
export type Source = 'camera' | 'screen' | 'both';

const processing = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** The camera, the microphone and the screen of a teacher, and what is made of them. */
export class Capture {
  source = $state<Source>('camera');
  cameras = $state.raw<MediaDeviceInfo[]>([]);
  microphones = $state.raw<MediaDeviceInfo[]>([]);
  /** The chosen devices; empty: the browser's usual ones. */
  cameraId = $state('');
  microphoneId = $state('');
  corner = $state<Corner>('bottom-right');
  muted = $state(false);
  /** What is sent, if it is published now. */
  media = $state.raw<Media | null>(null);
  /** Why there is no picture or no sound. */
  trouble = $state<Key | null>(null);
  /** Whether the browser asks the teacher for something. */
  asking = $state(false);
  /** Whether the teacher has stopped sharing the screen, of which the last picture stays. */
  stopped = $state(false);
  readonly level = new Level();

  #camera: MediaStreamTrack | null = null;
  #microphone: MediaStreamTrack | null = null;
  #screen: MediaStream | null = null;
  #composition: Composition | null = null;
  #mix: Mix | null = null;
  #gone = false;

  constructor(
    /** Called when other media are to be published. */
    private readonly onchange: () => void,
  ) {
    navigator.mediaDevices?.addEventListener('devicechange', this.#list);
  }

  /** Asks for the camera and the microphone, and shows them. */
  async open(): Promise<void> {
    if (navigator.mediaDevices === undefined) {
      this.trouble = 'studio.insecure';
      return;
    }
    await this.#ask(async () => {
      await this.#openDevices(this.source !== 'screen');
      this.#compose();
    });
  }

  /** Shows something else; a screen has to be chosen in the browser's own dialog. */
  async choose(source: Source): Promise<void> {
    await this.#ask(async () => {
      if (source !== 'camera' && (this.#screen === null || this.stopped)) await this.#openScreen();
      if (source !== 'screen' && this.#camera?.readyState !== 'live') await this.#openDevices(true);
      if (source === 'camera') this.#closeScreen();
      if (source === 'screen') this.#closeCamera();
      this.source = source;
      this.#compose();
    });
  }

  /** Shares another screen or window. */
  async shareAgain(): Promise<void> {
    await this.#ask(async () => {
      await this.#openScreen();
      this.#compose();
    });
  }

  /** Takes the devices that are chosen now. */
  async change(): Promise<void> {
    await this.#ask(async () => {
      await this.#openDevices(this.source !== 'screen');
      this.#compose();
    });
  }

  mute(muted: boolean): void {
    this.muted = muted;
    if (this.#microphone !== null) this.#microphone.enabled = !muted;
  }

  close(): void {
    this.#gone = true;
    navigator.mediaDevices?.removeEventListener('devicechange', this.#list);
    this.#drop();
    this.#closeScreen();
    this.#closeCamera();
    this.#microphone?.stop();
    this.level.close();
    this.media = null;
  }

  async #ask(work: () => Promise<void>): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    this.trouble = null;
    try {
      await work();
    } catch (thrown) {
      this.trouble = troubleOf(thrown);
    } finally {
      this.asking = false;
    }
    // What was asked for may have nothing to do with a device that is lost.
    if (this.trouble === null) this.#noteLost();
    // Devices have names only for those who may use them.
    await this.#list();
    if (this.#gone) this.close();
  }

  async #openDevices(withCamera: boolean): Promise<void> {
    const audio = { ...processing, ...(this.microphoneId === '' ? {} : { deviceId: { exact: this.microphoneId } }) };
    const size = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
    const video = withCamera ? { ...size, ...(this.cameraId === '' ? {} : { deviceId: { exact: this.cameraId } }) } : false;
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio, video });
    } catch (thrown) {
      if (!withCamera || !(thrown instanceof DOMException) || thrown.name !== 'NotFoundError') throw thrown;
      // A voice alone is a lecture, too.
      stream = await navigator.mediaDevices.getUserMedia({ audio });
      this.trouble = 'studio.noCamera';
    }
    this.#closeCamera();
    this.#microphone?.stop();
    this.#camera = stream.getVideoTracks()[0] ?? null;
    if (this.#camera !== null) this.#camera.contentHint = 'motion';
    this.#microphone = stream.getAudioTracks()[0] ?? null;
    this.cameraId = this.#camera?.getSettings().deviceId ?? this.cameraId;
    this.microphoneId = this.#microphone?.getSettings().deviceId ?? this.microphoneId;
    this.#watch(this.#camera);
    this.#watch(this.#microphone);
    this.mute(this.muted);
    this.level.listen(this.#microphone);
  }

  /** A track that ends was not stopped by the page: its device was pulled out, or the browser no longer allows it. */
  #watch(track: MediaStreamTrack | null): void {
    track?.addEventListener('ended', () => {
      // The next attempt takes what there is; it would fail if it insisted on a device that has gone.
      if (track === this.#camera) this.cameraId = '';
      else if (track === this.#microphone) this.microphoneId = '';
      else return;
      if (!this.asking) this.#noteLost();
    });
  }

  #noteLost(): void {
    if (this.#gone) return;
    // Without a picture, a lecture goes on; without a voice, it hardly does.
    if (this.#microphone?.readyState === 'ended') this.trouble = 'studio.microphoneLost';
    else if (this.#camera?.readyState === 'ended') this.trouble = 'studio.cameraLost';
  }

  async #openScreen(): Promise<void> {
    const size = { width: { max: 1920 }, height: { max: 1080 }, frameRate: { ideal: 30, max: 30 } };
    const screen = await navigator.mediaDevices.getDisplayMedia({ video: size, audio: true });
    this.#closeScreen();
    this.#screen = screen;
    this.stopped = false;
    screen.getVideoTracks()[0]?.addEventListener('ended', () => {
      if (this.#screen === screen) this.stopped = true;
    });
    if (this.#microphone === null) await this.#openDevices(false);
  }

  /** Makes what is sent of what there is. */
  #compose(): void {
    const before = { composition: this.#composition, mix: this.#mix };
    this.#composition = null;
    this.#mix = null;
    const screen = this.source === 'camera' ? null : (this.#screen?.getVideoTracks()[0] ?? null);
    let picture = this.#camera;
    if (screen !== null) {
      this.#composition = new Composition(screen, this.source === 'both' ? this.#camera : null, () => this.corner);
      picture = this.#composition.track;
    }
    const sounds = [this.#microphone, this.#screen?.getAudioTracks()[0] ?? null].filter((track) => track !== null);
    if (sounds.length > 1) this.#mix = new Mix(sounds);
    const sound = this.#mix?.track ?? sounds[0];
    const tracks = [picture, sound].filter((track) => track !== null && track !== undefined);
    this.media = { stream: new MediaStream(tracks), shows: screen === null ? 'camera' : 'screen' };
    this.onchange();
    // What was sent until now goes on until the new picture takes its place.
    setTimeout(() => {
      before.composition?.close();
      before.mix?.close();
    }, 2000);
  }

  #drop(): void {
    this.#composition?.close();
    this.#composition = null;
    this.#mix?.close();
    this.#mix = null;
  }

  #closeScreen(): void {
    this.#screen?.getTracks().forEach((track) => track.stop());
    this.#screen = null;
    this.stopped = false;
  }

  #closeCamera(): void {
    this.#camera?.stop();
    this.#camera = null;
  }

  readonly #list = async (): Promise<void> => {
    const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    this.cameras = all.filter(({ kind, deviceId }) => kind === 'videoinput' && deviceId !== '');
    this.microphones = all.filter(({ kind, deviceId }) => kind === 'audioinput' && deviceId !== '');
  };
}

/** Why the browser gives no media, in words. */
function troubleOf(thrown: unknown): Key {
  const name = thrown instanceof DOMException ? thrown.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'studio.denied';
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'studio.noDevice';
  if (name === 'NotReadableError' || name === 'AbortError') return 'studio.inUse';
  return 'studio.noCapture';
}
