import { known, t } from '../i18n/text';

type Details = Record<string, unknown>;

/** The details of an entry in words; null if there are none worth showing. */
export function details(given: unknown): string | null {
  if (typeof given !== 'object' || given === null) return null;
  const { before, after, ...rest } = given as Details;
  const parts: string[] = [];
  if (before !== undefined && after !== undefined) parts.push(t('audit.change', { before: text(before), after: text(after) }));
  for (const [name, value] of Object.entries(rest)) {
    const label = known(`audit.detail.${name}`);
    // Ids of sessions help nobody who reads this page.
    if (label !== null) parts.push(`${label}: ${text(value)}`);
  }
  return parts.length === 0 ? null : parts.join('; ');
}

function text(value: unknown): string {
  if (Array.isArray(value)) return value.map(text).join(', ') || t('audit.none');
  if (typeof value === 'string') return known(`role.${value}`) ?? known(`audit.field.${value}`) ?? value;
  return JSON.stringify(value);
}
