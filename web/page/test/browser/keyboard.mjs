// What somebody does who has a keyboard alone: Tab, Shift+Tab, Enter, Space, arrows and letters.
import assert from 'node:assert/strict';
import { until } from './stage.mjs';

/** The name of an element as its user hears it. Runs in the page. */
function nameOf(element) {
  const label = element.labels?.[0];
  return (element.getAttribute('aria-label') ?? (label?.querySelector('b') ?? label ?? element).textContent ?? '').trim();
}

/** Whether an element has this name. */
export const called = (name) => `(element) => (${nameOf})(element) === ${JSON.stringify(name)}`;
export const heading = "(element) => element.tagName === 'H1'";

/** Presses Tab (or Shift+Tab) until the wanted element has the focus. */
export async function tabTo(page, isWanted, backwards = false) {
  for (let presses = 0; presses < 150; presses += 1) {
    await page.keyboard.press(backwards ? 'Shift+Tab' : 'Tab');
    const ring = await page.evaluate(`(() => {
      const element = document.activeElement;
      if (!(${isWanted})(element)) return null;
      return [getComputedStyle(element), getComputedStyle(element, '::after')].map((style) => style.outlineStyle);
    })()`);
    if (ring === null) continue;
    assert.ok(ring.some((style) => style !== 'none'), 'the focus can be seen');
    return;
  }
  assert.fail(`the keyboard doesn't reach ${isWanted}`);
}

/** Goes to a button or a link and presses it. */
export async function press(page, name, backwards = false) {
  await tabTo(page, called(name), backwards);
  await page.keyboard.press('Enter');
}

/** Goes to a field and replaces what is in it. */
export async function type(page, name, text, backwards = false) {
  await tabTo(page, called(name), backwards);
  await page.keyboard.press('Control+A');
  await page.keyboard.type(text);
}

/** Types a local time, such as 01/15/2026 08:00 AM, into the field that has the focus. */
export async function typeTime(page, day, year) {
  await page.keyboard.type(`${day}${year}`);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.type('0800A');
}

/** Goes to a group of choices, and through them to one. */
export async function choose(page, legend, title, key = 'ArrowDown') {
  await tabTo(page, `(element) => element.type === 'radio' && element.closest('fieldset').querySelector('legend').textContent === ${JSON.stringify(legend)}`);
  for (let presses = 0; presses < 6; presses += 1) {
    if (await page.evaluate(`(${called(title)})(document.activeElement)`)) return;
    await page.keyboard.press(key);
  }
  assert.fail(`the arrows don't reach ${title}`);
}

export function expectFocus(page, what, isWanted) {
  return until(`the focus is on ${what}`, () => page.evaluate(`(${isWanted})(document.activeElement)`), 10);
}

/** Signs in on the page that an address shows. */
export async function signIn(page, address, { email, password }) {
  await page.goto(address);
  await page.getByRole('heading', { name: 'Sign in', level: 1 }).waitFor();
  await type(page, 'E-mail address', email);
  await type(page, 'Password', password);
  await page.keyboard.press('Enter');
}
