import type { Broadcast } from './broadcast.svelte';

/** What this tab broadcasts, also while another page is shown; the code for it is loaded with the first broadcast. */
class OnAir {
  now = $state.raw<Broadcast | null>(null);

  /** The lecture that is live from this tab. */
  get id(): string | null {
    return this.now?.isOn ? this.now.id : null;
  }

  /** Ends it, and lets go of the camera and the microphone. */
  leave(): void {
    this.now?.close();
    this.now = null;
  }
}

export const onAir = new OnAir();
