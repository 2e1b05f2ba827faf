import { t } from '../i18n/text';
import type { Rule } from '../ui/form.svelte';

/** A share, 0 to 1, as its field shows it: in percent, to a tenth. */
export function toPercent(share: number): string {
  return String(Math.round(share * 1000) / 10);
}

/** The share of such a field; not a number if it has another text. */
export function fromPercent(text: string): number {
  const digits = text.trim().replace(/\s*%$/, '').replace(',', '.');
  return /^\d+(\.\d+)?$/.test(digits) ? Math.round(Number(digits) * 10) / 1000 : NaN;
}

/** The shares of a lecture that may complete it. */
export const percentage: Rule = (text) => {
  const share = fromPercent(text);
  return share >= 0.1 && share <= 1 ? undefined : t('builder.completedShareWrong');
};
