import { Problem } from '../api/problem';
import { t } from '../i18n/text';

type Values = Record<string, string>;
/** Returns the error in a field's text, if any. */
export type Rule = (text: string) => string | undefined;

export const filled: Rule = (text) => (text.trim() === '' ? t('field.required') : undefined);
export const email: Rule = (text) => filled(text) ?? (/^\S+@\S+$/.test(text.trim()) ? undefined : t('field.emailInvalid'));
// The server counts bytes, so this must, too: it would otherwise refuse short passwords with umlauts that the server accepts.
export const newPassword: Rule = (text) =>
  filled(text) ?? (new TextEncoder().encode(text).length < 12 ? t('field.passwordShort') : undefined);

/** A form's values and errors, and whether it is being sent. */
export class Form<V extends Values> {
  values = $state({} as V);
  busy = $state(false);
  problem = $state<Problem | null>(null);
  errors = $state<Partial<Record<string, string>>>({});

  constructor(
    values: V,
    private readonly rules: Partial<Record<keyof V, Rule>> = {},
  ) {
    this.values = values;
  }

  /** Checks the fields, then runs the work; the server's error for a field is shown at that field. */
  async send(form: HTMLFormElement, work: () => Promise<void>): Promise<boolean> {
    if (this.busy) return false;
    this.problem = null;
    this.errors = this.#check();
    if (Object.keys(this.errors).length > 0) return this.#refused(form);
    this.busy = true;
    try {
      await work();
      return true;
    } catch (thrown) {
      this.#take(Problem.of(thrown));
      return this.#refused(form);
    } finally {
      this.busy = false;
    }
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
    const known = Object.entries(problem.fields).filter(([name]) => name in this.values);
    this.errors = Object.fromEntries(known);
    // Errors shown at their fields need not appear twice; errors of fields that this form lacks must appear.
    if (known.length === 0 || known.length < Object.keys(problem.fields).length) this.problem = problem;
  }

  #refused(form: HTMLFormElement): false {
    const first = Object.keys(this.values).find((name) => this.errors[name] !== undefined);
    const field = first === undefined ? null : form.elements.namedItem(first);
    if (field instanceof HTMLElement) field.focus();
    return false;
  }
}
