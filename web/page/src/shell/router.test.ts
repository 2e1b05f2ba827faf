import { expect, test } from 'vitest';
import { parse, router, to } from './router.svelte';

test('each address shows its page, with or without a slash at the end', () => {
  expect(parse('/')).toEqual({ name: 'home' });
  expect(parse('/upload/')).toEqual({ name: 'upload' });
  expect(parse(to.lecture('0198-ab'))).toEqual({ name: 'lecture', id: '0198-ab' });
  expect(parse('/lectures')).toEqual({ name: 'notFound' });
  expect(parse('/lectures/a/b')).toEqual({ name: 'notFound' });
});

test('a link to a page of ours is followed without loading the page, and others are left to the browser', () => {
  router.listen();
  document.body.innerHTML = '<a id="ours" href="/account">a</a><a id="inside" href="#content">b</a><a id="far" href="https://example.org/">c</a>';
  const click = (id: string, more: MouseEventInit = {}) => {
    const event = new MouseEvent('click', { bubbles: true, cancelable: true, button: 0, ...more });
    // The test's browser would otherwise follow a link that the router leaves to it.
    document.addEventListener('click', (late) => late.preventDefault(), { once: true });
    document.getElementById(id)?.dispatchEvent(event);
    return router.path;
  };
  expect(click('far')).toBe('/');
  expect(click('inside')).toBe('/');
  expect(click('ours', { ctrlKey: true })).toBe('/');
  expect(click('ours')).toBe('/account');
  expect(router.moves).toBe(1);
});
