/** The microphone and the sound of a shared screen as one track. */
export class Mix {
  readonly track: MediaStreamTrack;
  readonly #context = new AudioContext();

  constructor(tracks: MediaStreamTrack[]) {
    const end = this.#context.createMediaStreamDestination();
    for (const track of tracks) this.#context.createMediaStreamSource(new MediaStream([track])).connect(end);
    void this.#context.resume();
    const [track] = end.stream.getAudioTracks();
    if (track === undefined) throw new TypeError('this browser can’t mix sounds');
    this.track = track;
  }

  close(): void {
    this.track.stop();
    void this.#context.close();
  }
}
