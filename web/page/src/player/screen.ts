import { getContext, setContext } from 'svelte';

const name = Symbol('screen');
type Screen = () => HTMLElement | null;

/** Names the element that fills the screen for the players in it. */
export function provideScreen(screen: Screen): void {
  setContext(name, screen);
}

/** The element around a player that fills the screen for it; null if the player does so itself. */
export function screenAround(): Screen {
  return getContext<Screen | undefined>(name) ?? (() => null);
}
