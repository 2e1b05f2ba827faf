import { parse, router, to, within } from '../shell/router.svelte';

/** How the browser came back from a provider, which its address tells the page once. */
class Arrival {
  /** Whether a provider has signed somebody in, so that the browser holds a new cookie. */
  isBack = false;
  /** Why nobody was signed in. */
  problem = $state.raw<{ code: string; provider: string | null } | null>(null);

  /** Reads the address, and leaves in it only what belongs there after a reload. */
  take(): void {
    const query = new URLSearchParams(location.search);
    const code = query.get('sign_in_problem');
    if (code !== null) {
      this.problem = { code, provider: query.get('provider') };
      router.settle(entrance(within(query.get('return_to'))));
    } else if (isEntrance(router.route.name) && query.has('from')) {
      this.isBack = true;
      router.settle(entrance(router.address));
    }
  }

  forget(): void {
    this.problem = null;
  }
}

const isEntrance = (name: string) => name === 'signIn' || name === 'signUp';

/** The page for signing in or up that an address is, or that leads to it. */
function entrance(address: string): string {
  const { pathname, search } = new URL(address, location.origin);
  const route = parse(pathname, search);
  if (route.name === 'signUp') return to.signUpFor(route.next);
  return to.signInFor(route.name === 'signIn' ? route.next : address);
}

export const arrival = new Arrival();
