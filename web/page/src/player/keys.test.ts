import { expect, test } from 'vitest';
import { actOf } from './keys';

/** Presses a key on an element in the player, or beside it. */
function press(tag: string, key: string, attributes = '', more: KeyboardEventInit = {}, beside = false) {
  const target = `<${tag} ${attributes} id="target"></${tag}>`;
  document.body.innerHTML = beside ? `${target}<section></section>` : `<section>${target}</section>`;
  const event = new KeyboardEvent('keydown', { key, bubbles: true, ...more });
  document.getElementById('target')?.dispatchEvent(event);
  return actOf(event, document.querySelector('section') as Element);
}
const beside = (tag: string, key: string) => press(tag, key, '', {}, true);

test('keys act on the player wherever in it the focus is', () => {
  expect(press('div', 'k')).toEqual({ do: 'toggle' });
  expect(press('button', 'J')).toEqual({ do: 'seek', by: -10 });
  expect(press('div', '7')).toEqual({ do: 'seekTo', share: 0.7 });
  expect(press('button', 'ArrowRight')).toEqual({ do: 'seek', by: 5 });
  expect(press('div', 'ArrowUp')).toEqual({ do: 'volume', by: 0.05 });
});

test('a control keeps the keys that it needs itself, and the browser keeps its own', () => {
  expect(press('button', ' ')).toBeNull();
  expect(press('input', 'ArrowRight', 'type="range"')).toBeNull();
  expect(press('input', 'm', 'type="range"')).toEqual({ do: 'mute' });
  expect(press('select', 'k')).toBeNull();
  expect(press('div', 'f', '', { ctrlKey: true })).toBeNull();
});

test('keys act on the player from anywhere on the page, but not from where people type, choose or press', () => {
  expect(beside('h1', ' ')).toEqual({ do: 'toggle' });
  expect(beside('main', 'n')).toEqual({ do: 'next' });
  expect(beside('h1', 'ArrowLeft')).toEqual({ do: 'seek', by: -5 });
  expect(beside('h1', 'ArrowDown'), 'it scrolls the page').toBeNull();
  for (const tag of ['input', 'textarea', 'select', 'button', 'a', 'summary', 'dialog']) expect(beside(tag, 'k'), tag).toBeNull();
});
