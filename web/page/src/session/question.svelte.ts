/** What the user is asked over the page: to sign in again, or to confirm their identity. */
export type Kind = 'expired' | 'confirm';

/** A question over the page, while requests wait for its answer. */
export class Question {
  /** What is being asked; null if nothing is. */
  kind = $state<Kind | null>(null);
  #waiting: ((answer: boolean) => void)[] = [];

  /** Asks, and returns whether the user signed in again. Questions at the same time are one. */
  ask(kind: Kind): Promise<boolean> {
    // A lost sign-in is the stronger question.
    if (this.kind !== 'expired') this.kind = kind;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  answer(confirmed: boolean): void {
    this.kind = null;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(confirmed);
  }
}
