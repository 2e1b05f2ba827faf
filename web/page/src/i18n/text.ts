import { en } from './en';

/** Names a sentence. */
export type Key = keyof typeof en;
type Plural = Key extends infer K ? (K extends `${infer Stem}.other` ? Stem : never) : never;
type Values = Record<string, string | number>;

/** The language that the page speaks, for Intl too. */
export const language = 'en';
const plurals = new Intl.PluralRules(language);

/** The sentence of a key, its {names} filled in. */
export function t(key: Key, values: Values = {}): string {
  return en[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** The sentence of a key that may not exist, such as one for a server's code. */
export function known(key: string): string | null {
  return (en as Record<string, string>)[key] ?? null;
}

/** The sentence that fits a count, with {count} filled in. */
export function plural(stem: Plural, count: number, values: Values = {}): string {
  const form = plurals.select(count) === 'one' ? 'one' : 'other';
  return t(`${stem}.${form}` as Key, { count: new Intl.NumberFormat(language).format(count), ...values });
}
