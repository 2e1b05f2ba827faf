/** What a screen reader says without moving the focus; the newest sentence replaces the one before. */
class Announcer {
  sentence = $state('');

  say(sentence: string): void {
    // An unchanged text is not read again, so a space makes it another one.
    this.sentence = sentence === this.sentence ? `${sentence}\u00a0` : sentence;
  }
}

export const announcer = new Announcer();
