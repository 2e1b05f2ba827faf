import type { PlayerState } from './player.svelte';

/** The width of each side of the picture where two taps jump. */
const side = 0.35;

/** Clicks and taps on the picture. Touch has no hover: the first touch only brings the controls back. */
export class Taps {
  #byTouch = false;
  #onlyWoke = false;

  constructor(private readonly player: PlayerState) {}

  /** A pointer is pressed anywhere in the player. */
  down(event: PointerEvent): void {
    this.#byTouch = event.pointerType === 'touch';
    this.#onlyWoke = this.player.quiet && this.#byTouch;
    this.player.wake();
  }

  click(): void {
    if (!this.#onlyWoke) this.player.toggle();
  }

  /** Two taps at a side jump, as on other players; elsewhere they fill the screen. */
  double(event: MouseEvent & { currentTarget: HTMLElement }): void {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    const at = (event.clientX - left) / width;
    if (this.#byTouch && at < side) this.player.run({ do: 'seek', by: -10 });
    else if (this.#byTouch && at > 1 - side) this.player.run({ do: 'seek', by: 10 });
    else void this.player.toggleFull();
  }
}
