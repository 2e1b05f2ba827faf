import { expect, test } from 'vitest';
import { actOf } from './keys';

function press(tag: string, key: string, attributes = '', more: KeyboardEventInit = {}) {
  document.body.innerHTML = `<${tag} ${attributes} id="target"></${tag}>`;
  const event = new KeyboardEvent('keydown', { key, bubbles: true, ...more });
  document.getElementById('target')?.dispatchEvent(event);
  return actOf(event);
}

test('keys act on the player wherever in it the focus is', () => {
  expect(press('div', 'k')).toEqual({ do: 'toggle' });
  expect(press('button', 'J')).toEqual({ do: 'seek', by: -10 });
  expect(press('div', '7')).toEqual({ do: 'seekTo', share: 0.7 });
  expect(press('button', 'ArrowRight')).toEqual({ do: 'seek', by: 5 });
});

test('a control keeps the keys that it needs itself, and the browser keeps its own', () => {
  expect(press('button', ' ')).toBeNull();
  expect(press('input', 'ArrowRight', 'type="range"')).toBeNull();
  expect(press('input', 'm', 'type="range"')).toEqual({ do: 'mute' });
  expect(press('select', 'k')).toBeNull();
  expect(press('div', 'f', '', { ctrlKey: true })).toBeNull();
});
