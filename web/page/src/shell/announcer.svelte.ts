import { untrack } from 'svelte';

const shownFor = 6000;

/** The sentence that a screen reader reads without moving the focus; a new one replaces the last. */
class Announcer {
  sentence = $state('');
  /** What is also shown for a few seconds, because nothing else on the page shows that it was done. */
  toast = $state('');
  #timer: ReturnType<typeof setTimeout> | undefined;

  say(sentence: string): void {
    // Screen readers skip an unchanged text, so a space makes it a different one.
    // An effect that says something must not run again because of it.
    this.sentence = sentence === untrack(() => this.sentence) ? `${sentence}\u00a0` : sentence;
  }

  /** Says it, and shows it. */
  done(sentence: string): void {
    this.say(sentence);
    this.toast = sentence;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.toast = ''), shownFor);
  }
}

export const announcer = new Announcer();
