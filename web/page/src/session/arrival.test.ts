import { beforeEach, expect, test, vi } from 'vitest';
import { to } from '../shell/router.svelte';
import { signInUrl } from './providers.svelte';

const school = { name: 'school', label: 'Example School', sign_in_url: '/api/v1/users/providers/school/sign-in' };
const course = '/courses/0198-ab?code=A%20B';

/** Opens the page at an address; returns what it makes of it. */
async function opened(address: string) {
  history.replaceState(null, '', address);
  const { arrival } = await import('./arrival.svelte');
  const { router } = await import('../shell/router.svelte');
  arrival.take();
  return { isBack: arrival.isBack, problem: arrival.problem, address: router.address, wanted: router.wanted, bar: location.pathname + location.search };
}

beforeEach(() => vi.resetModules());

function returnTo(url: string): string {
  return new URL(url, location.origin).searchParams.get('return_to') ?? '';
}

test('who comes back from a provider goes on to the page that they wanted', async () => {
  for (const page of [to.signInFor(course), to.signUpFor(course)]) {
    const back = returnTo(signInUrl(school, page));
    expect(await opened(back)).toEqual({ isBack: true, problem: null, address: page, wanted: course, bar: page });
    vi.resetModules();
  }
});

test('who comes back without a sign-in sees why once, where they began, and may still go on to the page that they wanted', async () => {
  const back = encodeURIComponent(returnTo(signInUrl(school, to.signUpFor(course))));
  const problem = { code: 'sign_in_cancelled', provider: 'school' };
  const seen = await opened(`/?sign_in_problem=sign_in_cancelled&provider=school&return_to=${back}`);
  expect(seen).toEqual({ isBack: false, problem, address: to.signUpFor(course), wanted: course, bar: to.signUpFor(course) });
  vi.resetModules();
  expect((await opened(seen.bar)).problem).toBeNull();
});

test('without a page to return to, or with one of another site, the sign-in page leads home', async () => {
  for (const more of ['', '&return_to=https%3A%2F%2Fevil.example%2F', '&return_to=%2F%2Fevil.example']) {
    const { wanted, bar } = await opened(`/?sign_in_problem=provider_failed&provider=school${more}`);
    expect([wanted, bar]).toEqual(['/', '/sign-in']);
    vi.resetModules();
  }
});

test('any other address is left as it is', async () => {
  for (const address of ['/', course, '/lectures?from=school', to.signInFor(course)]) {
    expect(await opened(address)).toMatchObject({ isBack: false, problem: null, bar: address });
    vi.resetModules();
  }
});

test('a deactivated account is restored on the same way', () => {
  expect(signInUrl(school, '/sign-in', 'reactivate')).toBe(`${school.sign_in_url}?return_to=%2Fsign-in%3Ffrom%3Dschool&reactivate=true`);
});
