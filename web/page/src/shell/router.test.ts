import { expect, test } from 'vitest';
import { parse, router, to } from './router.svelte';

const course = { name: 'course', id: '0198-ab', item: null, code: null, asLearner: false };

test('each address shows its page, with or without a slash at the end', () => {
  expect(parse('/')).toEqual({ name: 'home' });
  expect(parse('/courses')).toEqual({ name: 'home' });
  expect(parse('/upload/')).toEqual({ name: 'upload' });
  expect(parse('/lectures')).toEqual({ name: 'lectures' });
  expect(parse(to.lecture('0198-ab'))).toEqual({ name: 'lecture', id: '0198-ab', key: null });
  expect(parse(to.lecture('0198-ab'), '?s=a_b-c')).toEqual({ name: 'lecture', id: '0198-ab', key: 'a_b-c' });
  expect(parse(to.studio('0198-ab'))).toEqual({ name: 'studio', id: '0198-ab' });
  expect(parse(to.course('0198-ab'))).toEqual(course);
  expect(parse(to.course('0198-ab'), '?code=AB%2BC')).toEqual({ ...course, code: 'AB+C' });
  expect(parse(to.course('0198-ab'), '?as=learner')).toEqual({ ...course, asLearner: true });
  expect(parse(to.item('0198-ab', '0199-cd'))).toEqual({ ...course, item: '0199-cd' });
  expect(parse(to.builder('0198-ab'))).toEqual({ name: 'builder', id: '0198-ab' });
  expect(parse(to.members('0198-ab'))).toEqual({ name: 'members', id: '0198-ab' });
  for (const path of ['/lectures/a/b', '/courses/a/b', '/courses/a/items', '/courses/a/edit/b']) expect(parse(path)).toEqual({ name: 'notFound' });
});

test('the page that somebody wanted survives signing in and up, and other sites are never it', () => {
  const invitation = to.invitation('0198-ab', 'A B&C');
  const read = (address: string) => parse(...(address.split(/(?=\?)/) as [string, string?]));
  expect(read(invitation)).toEqual({ ...course, code: 'A B&C' });
  expect(read(to.signUpFor(invitation))).toEqual({ name: 'signUp', next: invitation });
  expect(read(to.signInFor('/'))).toEqual({ name: 'signIn', next: '/' });
  for (const next of ['https://evil.example/', '//evil.example', '/\\evil.example', 'javascript:alert(1)', 'http://[']) {
    expect(parse(to.signIn, `?next=${encodeURIComponent(next)}`)).toEqual({ name: 'signIn', next: '/' });
  }
});

test('a link to a page of ours is followed without loading the page, and others are left to the browser', () => {
  router.listen();
  document.body.innerHTML =
    '<a id="ours" href="/courses/a?code=b">a</a><a id="inside" href="#content">b</a><a id="far" href="https://example.org/">c</a>' +
    '<a id="server" href="/api/v1/users/providers/school/sign-in">d</a>';
  const click = (id: string, more: MouseEventInit = {}) => {
    const event = new MouseEvent('click', { bubbles: true, cancelable: true, button: 0, ...more });
    // The test's browser would otherwise follow a link that the router leaves to it.
    document.addEventListener('click', (late) => late.preventDefault(), { once: true });
    document.getElementById(id)?.dispatchEvent(event);
    return router.address;
  };
  expect(click('far')).toBe('/');
  expect(click('server')).toBe('/');
  expect(click('inside')).toBe('/');
  expect(click('ours', { ctrlKey: true })).toBe('/');
  expect(click('ours')).toBe('/courses/a?code=b');
  expect([router.moves, router.wanted]).toEqual([1, '/courses/a?code=b']);
  router.settle('/courses/a');
  expect([router.moves, router.address]).toEqual([1, '/courses/a']);
  router.go(to.signUpFor('/courses/a?code=b'));
  expect(router.wanted).toBe('/courses/a?code=b');
});
