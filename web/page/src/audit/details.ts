import { known, plural, t } from '../i18n/text';

type Details = Record<string, unknown>;
/** The name of a person, by id. */
type Name = (id: string) => string;

/** As many people are named; of more, only their number is shown. */
const mostNamed = 5;

/** A text among the details of an entry. */
export function detail(given: unknown, name: string): string | null {
  const value = (given as Details | null)?.[name];
  return typeof value === 'string' ? value : null;
}

/** The people that the details of an entry name. */
export function peopleIn(given: unknown): string[] {
  const { user_id, enrolled } = (given ?? {}) as Details;
  const many = Array.isArray(enrolled) && enrolled.length <= mostNamed ? enrolled : [];
  return [user_id, ...many].filter((id) => typeof id === 'string');
}

/** The details of an entry in words; null if there are none worth showing. */
export function details(given: unknown, person: Name = (id) => id): string | null {
  if (typeof given !== 'object' || given === null) return null;
  const { before, after, user_id, enrolled, ...rest } = given as Details;
  const parts: string[] = [];
  if (typeof user_id === 'string') parts.push(t('audit.person', { name: person(user_id) }));
  if (Array.isArray(enrolled)) parts.push(t('audit.enrolled', { people: people(enrolled, person) }));
  if (before !== undefined && after !== undefined) parts.push(t(changeOf(after), { before: text(before), after: text(after) }));
  for (const [name, value] of Object.entries(rest)) {
    const label = known(`audit.detail.${name}`);
    // Ids of sessions help nobody who reads this page.
    if (label !== null) parts.push(`${label}: ${text(value)}`);
  }
  return parts.length === 0 ? null : parts.join('; ');
}

/** Somebody has several roles on the site, one in a course; a course has one status. */
function changeOf(after: unknown): 'audit.change' | 'audit.changeRole' | 'audit.changeStatus' {
  if (Array.isArray(after)) return 'audit.change';
  return known(`course.status.${String(after)}`) === null ? 'audit.changeRole' : 'audit.changeStatus';
}

function people(ids: unknown[], person: Name): string {
  const named = ids.length <= mostNamed ? ids.map((id) => person(String(id))).join(', ') : plural('audit.people', ids.length);
  return named || t('audit.none');
}

function text(value: unknown): string {
  if (Array.isArray(value)) return value.map(text).join(', ') || t('audit.none');
  if (typeof value !== 'string') return JSON.stringify(value);
  const places = ['role', 'courseRole', 'course.status', 'audit.field', 'audit.outline'];
  return places.map((place) => known(`${place}.${value}`)).find((each) => each !== null) ?? value;
}
