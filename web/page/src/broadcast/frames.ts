/** Parts of the media pipeline that only some browsers have, and that TypeScript doesn't know. */
interface Pipeline {
  MediaStreamTrackProcessor?: new (init: { track: MediaStreamTrack; maxBufferSize?: number }) => { readable: ReadableStream<VideoFrame> };
  MediaStreamTrackGenerator?: new (init: { kind: 'video' }) => MediaStreamTrack & { writable: WritableStream<VideoFrame> };
}
const pipeline = globalThis as Pipeline;

/** The latest picture of a track. */
export interface Latest {
  /** null until there is one. */
  readonly picture: { image: CanvasImageSource; width: number; height: number } | null;
  close(): void;
}

/** Follows a track. */
export function latestOf(track: MediaStreamTrack): Latest {
  if (pipeline.MediaStreamTrackProcessor === undefined) return new Shown(track);
  const copy = track.clone();
  return new Read(copy, new pipeline.MediaStreamTrackProcessor({ track: copy, maxBufferSize: 1 }).readable);
}

/** Takes pictures from the track itself, which works in the background, too. */
class Read implements Latest {
  #frame: VideoFrame | null = null;
  #isClosed = false;
  readonly #reader: ReadableStreamDefaultReader<VideoFrame>;

  constructor(
    /** A copy that belongs to this alone, whose end is the end of the pictures. */
    private readonly track: MediaStreamTrack,
    frames: ReadableStream<VideoFrame>,
  ) {
    this.#reader = frames.getReader();
    void this.#run().catch(() => undefined);
  }

  get picture() {
    const frame = this.#frame;
    return frame === null ? null : { image: frame, width: frame.displayWidth, height: frame.displayHeight };
  }

  close(): void {
    this.#isClosed = true;
    this.#frame?.close();
    this.#frame = null;
    // A screen that rests gives no further picture.
    setTimeout(() => this.track.stop(), 500);
  }

  async #run(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      // The last picture stays when the track has ended.
      if (done) return;
      if (this.#isClosed) {
        // Chromium never closes a picture that is on its way while a track ends, so this one ends between two pictures.
        value.close();
        return this.track.stop();
      }
      this.#frame?.close();
      this.#frame = value;
    }
  }
}

/** Takes pictures from a video element that plays the track. */
class Shown implements Latest {
  readonly #video = document.createElement('video');

  constructor(track: MediaStreamTrack) {
    this.#video.muted = true;
    this.#video.playsInline = true;
    this.#video.srcObject = new MediaStream([track]);
    void this.#video.play().catch(() => undefined);
  }

  get picture() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    return width === 0 ? null : { image: this.#video, width, height };
  }

  close(): void {
    this.#video.srcObject = null;
  }
}

/** A track that shows what is drawn on a canvas. */
export interface Shot {
  readonly track: MediaStreamTrack;
  /** Sends what the canvas shows now. */
  send(): void;
  /** Sends a picture as it is, without drawing it; false if that can't be done with it. */
  pass(picture: CanvasImageSource): boolean;
  close(): void;
}

export function shotOf(canvas: HTMLCanvasElement): Shot {
  return pipeline.MediaStreamTrackGenerator === undefined ? new Captured(canvas) : new Written(canvas, new pipeline.MediaStreamTrackGenerator({ kind: 'video' }));
}

class Written implements Shot {
  readonly #writer: WritableStreamDefaultWriter<VideoFrame>;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    readonly track: MediaStreamTrack & { writable: WritableStream<VideoFrame> },
  ) {
    this.#writer = track.writable.getWriter();
  }

  send(): void {
    this.#write(this.canvas);
  }

  pass(picture: CanvasImageSource): boolean {
    if (!(picture instanceof VideoFrame)) return false;
    this.#write(picture);
    return true;
  }

  #write(picture: CanvasImageSource): void {
    // An encoder that is behind gets the next one.
    if ((this.#writer.desiredSize ?? 0) <= 0) return;
    const frame = new VideoFrame(picture, { timestamp: Math.round(performance.now() * 1000) });
    void this.#writer.write(frame).catch(() => frame.close());
  }

  close(): void {
    this.track.stop();
    void this.#writer.close().catch(() => undefined);
  }
}

class Captured implements Shot {
  readonly track: MediaStreamTrack;

  constructor(canvas: HTMLCanvasElement) {
    const [track] = canvas.captureStream(0).getVideoTracks();
    if (track === undefined) throw new TypeError('a canvas gives no picture');
    this.track = track;
  }

  pass(): boolean {
    return false;
  }

  send(): void {
    (this.track as CanvasCaptureMediaStreamTrack).requestFrame();
  }

  close(): void {
    this.track.stop();
  }
}
