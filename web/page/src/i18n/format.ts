import { language, plural, t } from './text';

const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** A size in decimal units, as file managers and providers show it. */
export function bytes(count: number): string {
  let value = Math.max(0, count);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  const number = new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${number.format(value)}\u00a0${units[unit]}`;
}

/** A position or length on a clock: 4:05, 1:02:03. */
export function clock(seconds: number): string {
  const whole = Number.isFinite(seconds) ? Math.max(0, Math.floor(seconds)) : 0;
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A position in words, for screen readers: "1 minute 5 seconds". */
export function spokenTime(seconds: number): string {
  const whole = Number.isFinite(seconds) ? Math.max(0, Math.floor(seconds)) : 0;
  const parts: string[] = [];
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  if (hours > 0) parts.push(plural('time.hours', hours));
  if (minutes > 0) parts.push(plural('time.minutes', minutes));
  if (whole % 60 > 0 || parts.length === 0) parts.push(plural('time.seconds', whole % 60));
  return parts.join(' ');
}

/** A remaining time, rounded as roughly as it is estimated. */
export function roughly(seconds: number): string {
  if (seconds < 50) return t('time.lessThanMinute');
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return t('time.about', { time: plural('time.minutes', minutes) });
  const hours = Math.floor(minutes / 60);
  const rest = Math.round((minutes % 60) / 5) * 5;
  const time = rest > 0 && rest < 60 ? `${plural('time.hours', hours)} ${plural('time.minutes', rest)}` : plural('time.hours', rest === 60 ? hours + 1 : hours);
  return t('time.about', { time });
}

/** A time to wait, in its largest unit. */
export function lasting(seconds: number): string {
  if (seconds < 60) return plural('time.seconds', Math.ceil(seconds));
  if (seconds < 3600) return plural('time.minutes', Math.ceil(seconds / 60));
  return plural('time.hours', Math.ceil(seconds / 3600));
}

const distance = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });

/** How long ago an RFC 3339 time was: now, 5 minutes ago, yesterday. */
export function ago(time: string): string {
  const minutes = Math.max(0, Math.round((Date.now() - Date.parse(time)) / 60_000));
  if (minutes < 60) return minutes === 0 ? t('time.now') : distance.format(-minutes, 'minute');
  const hours = Math.round(minutes / 60);
  return hours < 24 ? distance.format(-hours, 'hour') : distance.format(-Math.round(hours / 24), 'day');
}

/** The days from one time to another as people count them: from any hour to any hour of the next day, it is one. */
export function calendarDays(from: number, to: number): number {
  const midnight = (time: number) => {
    const local = new Date(time);
    // Each day has 24 hours in UTC, also those on which the clock changes here.
    return Date.UTC(local.getFullYear(), local.getMonth(), local.getDate());
  };
  return (midnight(to) - midnight(from)) / 86_400_000;
}

const day = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });
const moment = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });

/** The day of an RFC 3339 time. */
export function date(time: string): string {
  return day.format(new Date(time));
}

/** Day and hour of an RFC 3339 time. */
export function dateTime(time: string): string {
  return moment.format(new Date(time));
}
