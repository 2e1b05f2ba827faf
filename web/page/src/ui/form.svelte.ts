import { Problem } from '../api/problem';
import { t } from '../i18n/text';
import { drafts } from './drafts';

type Values = Record<string, string>;
/** Returns the error in a field's text, if any. */
export type Rule = (text: string) => string | undefined;

export const filled: Rule = (text) => (text.trim() === '' ? t('field.required') : undefined);
export const email: Rule = (text) => filled(text) ?? (/^\S+@\S+$/.test(text.trim()) ? undefined : t('field.emailInvalid'));
// Counted as the server does: characters, in their composed form.
export const newPassword: Rule = (text) =>
  filled(text) ?? ([...text.normalize('NFC')].length < 12 ? t('field.passwordShort') : undefined);

/** A form's values and errors, and whether it is being sent. */
export class Form<V extends Values> {
  values = $state({} as V);
  busy = $state(false);
  problem = $state<Problem | null>(null);
  errors = $state<Partial<Record<string, string>>>({});
  /** Whether the values are those of an earlier draft. */
  restored = $state(false);
  #saved = $state({} as V);

  /**
   * A form; with the key of a draft, what is typed survives until it is saved or discarded. `picked` are the values that are
   * chosen with one click: nobody misses them, so they alone are no change.
   */
  constructor(
    values: V,
    private readonly rules: Partial<Record<keyof V, Rule>> = {},
    private readonly draft: string | null = null,
    private readonly picked: readonly string[] = [],
  ) {
    this.#saved = { ...values };
    const kept = draft === null ? null : drafts.read(draft);
    this.values = { ...values, ...kept };
    this.restored = kept !== null && this.changed;
  }

  /** Whether somebody has typed something that is not saved. */
  get changed(): boolean {
    return Object.keys(this.changes).some((name) => !this.picked.includes(name));
  }

  /** The values that somebody has typed or picked and that are not saved. */
  get changes(): Record<string, string> {
    return Object.fromEntries(Object.entries(this.values).filter(([name, value]) => value !== this.#saved[name]));
  }

  /** Keeps what was typed as a draft. */
  keep(): void {
    if (this.draft === null) return;
    if (this.changed) drafts.write(this.draft, this.values);
    else drafts.forget(this.draft);
  }

  /** Returns to the saved values. */
  discard(): void {
    this.values = { ...this.#saved };
    this.errors = {};
    this.problem = null;
    this.#settle();
  }

  /** Checks the fields, then runs the work; the server's error for a field is shown at that field. */
  async send(form: HTMLFormElement, work: () => Promise<void>): Promise<boolean> {
    if (this.busy) return false;
    this.problem = null;
    this.errors = this.#check();
    if (Object.keys(this.errors).length > 0) return this.#refused(form);
    this.busy = true;
    const sent = { ...this.values };
    try {
      await work();
      this.#saved = sent;
      this.#settle();
      return true;
    } catch (thrown) {
      this.#take(Problem.of(thrown));
      return this.#refused(form);
    } finally {
      this.busy = false;
    }
  }

  #settle(): void {
    this.restored = false;
    if (this.draft !== null) drafts.forget(this.draft);
  }

  #check(): Record<string, string> {
    const wrong: Record<string, string> = {};
    for (const [name, rule] of Object.entries(this.rules) as [string, Rule][]) {
      const message = rule(this.values[name] ?? '');
      if (message !== undefined) wrong[name] = message;
    }
    return wrong;
  }

  #take(problem: Problem): void {
    // The user was asked for the password and declined.
    if (problem.isDeclined) return;
    const known = Object.entries(problem.fields).filter(([name]) => name in this.values);
    this.errors = Object.fromEntries(known);
    // Errors shown at their fields need not appear twice; errors of fields that this form lacks must appear.
    if (known.length === 0 || known.length < Object.keys(problem.fields).length) this.problem = problem;
  }

  /** Moves the focus to what has to be corrected: the first wrong field, or a password that was refused. */
  #refused(form: HTMLFormElement): false {
    const names = Object.keys(this.values);
    const wrong = names.find((name) => this.errors[name] !== undefined);
    const refused = this.problem?.code === 'invalid_credentials' ? names.find((name) => name.includes('password')) : undefined;
    const field = form.elements.namedItem(wrong ?? refused ?? '');
    if (field instanceof HTMLInputElement) field.select();
    if (field instanceof HTMLElement) field.focus();
    return false;
  }
}
