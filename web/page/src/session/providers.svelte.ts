import createClient from 'openapi-fetch';
import { body, Problem } from '../api/problem';
import type { paths } from '../api/schema';
import type { Provider } from '../api/wire';
import { to } from '../shell/router.svelte';

/** The providers that people can sign in with, loaded when a page first needs them. */
class Providers {
  items = $state.raw<readonly Provider[]>([]);
  problem = $state.raw<Problem | null>(null);
  /** Whether the server has answered, or can't. */
  isSettled = $state(false);
  #loading: Promise<void> | null = null;
  // The list is for people without a sign-in: the client of those with one waits while they are asked to sign in again.
  #plain = createClient<paths>({ baseUrl: location.origin, fetch: (request) => fetch(request) });

  /** Loads the list, again if that failed before. */
  load(): void {
    if (this.isSettled && this.problem === null) return;
    this.#loading ??= this.#fetch().finally(() => (this.#loading = null));
  }

  named(name: string | null): Provider | undefined {
    return this.items.find((each) => each.name === name);
  }

  async #fetch(): Promise<void> {
    try {
      this.items = (await body(this.#plain.GET('/api/v1/users/providers'))).items;
      this.problem = null;
    } catch (thrown) {
      this.problem = Problem.of(thrown);
    }
    this.isSettled = true;
  }
}

export const providers = new Providers();

/**
 * Where the browser goes to sign in with a provider; it comes back to a page for signing in or up. The wish restores a
 * deactivated account, or lets the provider ask for the password although it remembers the person.
 */
export function signInUrl(provider: Provider, page: string, wish: 'reactivate' | 'fresh' | null = null): string {
  const query = new URLSearchParams({ return_to: to.backFrom(provider.name, page) });
  if (wish) query.set(wish, 'true');
  return `${provider.sign_in_url}?${query}`;
}
