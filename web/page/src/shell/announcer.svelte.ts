/** The sentence that a screen reader reads without moving the focus; a new one replaces the last. */
class Announcer {
  sentence = $state('');

  say(sentence: string): void {
    // Screen readers skip an unchanged text, so a space makes it a different one.
    this.sentence = sentence === this.sentence ? `${sentence}\u00a0` : sentence;
  }
}

export const announcer = new Announcer();
