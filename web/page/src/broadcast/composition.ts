import { latestOf, shotOf, type Latest } from './frames';
import { tick } from './ticker';

export type Corner = 'bottom-right' | 'bottom-left' | 'top-right' | 'top-left';

/** Pictures per second. A still slide gives none by itself, and then nobody could join, or tell it from a broken line. */
const rate = 16;
const widest = 1920;
const highest = 1080;
/** The camera's share of the width, and its distance from the edges. */
const share = 0.22;
const margin = 0.015;

/** A screen as a picture that never rests, with the camera in a corner if there is one. */
export class Composition {
  readonly track: MediaStreamTrack;
  readonly #canvas = document.createElement('canvas');
  readonly #context: CanvasRenderingContext2D;
  readonly #screen: Latest;
  readonly #camera: Latest | null;
  readonly #shot;
  readonly #stop: () => void;

  constructor(
    screen: MediaStreamTrack,
    camera: MediaStreamTrack | null,
    private readonly corner: () => Corner,
  ) {
    const context = this.#canvas.getContext('2d', { alpha: false });
    if (context === null) throw new TypeError('this browser can’t draw');
    this.#context = context;
    this.#canvas.width = 1280;
    this.#canvas.height = 720;
    this.#screen = latestOf(screen);
    this.#camera = camera === null ? null : latestOf(camera);
    this.#shot = shotOf(this.#canvas);
    this.track = this.#shot.track;
    this.track.contentHint = 'detail';
    this.#stop = tick(rate, () => this.#draw());
  }

  close(): void {
    this.#stop();
    this.#shot.close();
    this.#screen.close();
    this.#camera?.close();
  }

  #draw(): void {
    const screen = this.#screen.picture;
    if (screen === null || (this.#camera === null && this.#shot.pass(screen.image))) return;
    const { width, height } = fit(screen.width, screen.height);
    // Setting a size clears the canvas.
    if (this.#canvas.width !== width) this.#canvas.width = width;
    if (this.#canvas.height !== height) this.#canvas.height = height;
    this.#context.drawImage(screen.image, 0, 0, width, height);
    const camera = this.#camera?.picture ?? null;
    if (camera !== null) {
      const box = boxOf(this.corner(), { width, height }, camera.height / camera.width);
      this.#context.drawImage(camera.image, box.x, box.y, box.width, box.height);
    }
    this.#shot.send();
  }
}

interface Size {
  width: number;
  height: number;
}

/** The size of a screen in the lecture; encoders take even numbers. */
export function fit(width: number, height: number): Size {
  const scale = Math.min(1, widest / width, highest / height);
  const even = (value: number) => Math.max(2, Math.round((value * scale) / 2) * 2);
  return { width: even(width), height: even(height) };
}

/** Where the camera stands in a picture. */
export function boxOf(corner: Corner, picture: Size, ratio: number): Size & { x: number; y: number } {
  const width = Math.round(picture.width * share);
  const height = Math.round(width * ratio);
  const gap = Math.round(picture.width * margin);
  const x = corner.endsWith('right') ? picture.width - width - gap : gap;
  const y = corner.startsWith('bottom') ? picture.height - height - gap : gap;
  return { x, y, width, height };
}
