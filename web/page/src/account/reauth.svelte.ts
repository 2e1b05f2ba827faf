import { Problem } from '../api/problem';

/** Asks for the password when the server wants a fresh sign-in, then does what was wanted. */
export class Reauthentication {
  /** Whether the question is shown. */
  asking = $state(false);
  #answer: ((confirmed: boolean) => void) | null = null;

  /** Runs the work; after `reauthentication_required` it asks, and runs the work again. False = the person declined. */
  async run(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
    } catch (thrown) {
      if (Problem.of(thrown).code !== 'reauthentication_required') throw thrown;
      if (!(await this.#ask())) return false;
      await work();
    }
    return true;
  }

  confirmed(): void {
    this.#end(true);
  }

  declined(): void {
    this.#end(false);
  }

  #ask(): Promise<boolean> {
    this.asking = true;
    return new Promise((resolve) => (this.#answer = resolve));
  }

  #end(confirmed: boolean): void {
    this.asking = false;
    this.#answer?.(confirmed);
    this.#answer = null;
  }
}
