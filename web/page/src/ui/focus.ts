import { tick } from 'svelte';

/** Moves the focus to the page's heading if what had it has left the page; otherwise the keyboard starts again at the top. */
export async function keepFocus(): Promise<void> {
  await tick();
  const isLost = document.activeElement === null || document.activeElement === document.body;
  if (isLost && document.querySelector('dialog[open]') === null) document.querySelector('h1')?.focus();
}
