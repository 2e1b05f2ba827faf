import { Problem } from '../api/problem';
import { t } from '../i18n/text';

type Values = Record<string, string>;
/** Says what is wrong with a field's text, or nothing. */
export type Rule = (text: string) => string | undefined;

export const filled: Rule = (text) => (text.trim() === '' ? t('field.required') : undefined);
export const email: Rule = (text) => filled(text) ?? (/^\S+@\S+$/.test(text.trim()) ? undefined : t('field.emailInvalid'));
// The server counts bytes; so does this, or a short password of umlauts would be refused here and accepted there.
export const newPassword: Rule = (text) =>
  filled(text) ?? (new TextEncoder().encode(text).length < 12 ? t('field.passwordShort') : undefined);

/** What a form holds, what is wrong with it, and whether it is on its way. */
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

  /** Checks the fields, then runs the work; what the server says of a field is shown at that field. */
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
    // What stands at the fields needn't be said twice; what has no field here must be said.
    if (known.length === 0 || known.length < Object.keys(problem.fields).length) this.problem = problem;
  }

  #refused(form: HTMLFormElement): false {
    const first = Object.keys(this.values).find((name) => this.errors[name] !== undefined);
    const field = first === undefined ? null : form.elements.namedItem(first);
    if (field instanceof HTMLElement) field.focus();
    return false;
  }
}
