import { Problem } from '../api/problem';

/** Asks for the password when the server requires a recent sign-in, then runs the interrupted work again. */
export class Reauthentication {
  /** Whether the dialog is open. */
  asking = $state(false);
  #answer: ((confirmed: boolean) => void) | null = null;

  /** Runs the work; after `reauthentication_required`, asks for the password and runs it again. False = the person declined. */
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
