/** The text of an RFC 3339 time in a field for local times; empty if there is none. */
export function toField(time: string | null | undefined): string {
  if (!time) return '';
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** The RFC 3339 time of such a field; null if it is empty. */
export function fromField(text: string): string | null {
  const time = Date.parse(text);
  return text === '' || Number.isNaN(time) ? null : new Date(time).toISOString();
}
