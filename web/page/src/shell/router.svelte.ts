/** The page's own addresses; the server answers index.html for each. */
export const to = {
  home: '/',
  signIn: '/sign-in',
  signUp: '/sign-up',
  upload: '/upload',
  people: '/people',
  audit: '/people/audit',
  account: '/account',
  lecture: (id: string) => `/lectures/${id}`,
} as const;

export type Route =
  | { name: 'home' | 'signIn' | 'signUp' | 'upload' | 'people' | 'audit' | 'account' | 'notFound' }
  | { name: 'lecture'; id: string };

const plain = ['home', 'signIn', 'signUp', 'upload', 'people', 'audit', 'account'] as const;

/** The route of an address. */
export function parse(path: string): Route {
  const trimmed = path.replace(/\/+$/, '') || '/';
  const name = plain.find((each) => to[each] === trimmed);
  if (name !== undefined) return { name };
  const id = /^\/lectures\/([\w-]+)$/.exec(trimmed)?.[1];
  return id === undefined ? { name: 'notFound' } : { name: 'lecture', id };
}

class Router {
  path = $state(location.pathname);
  /** The number of moves so far; 0 while the first page is still shown. */
  moves = 0;
  route = $derived(parse(this.path));

  go(path: string, replace = false): void {
    if (path === this.path) return;
    history[replace ? 'replaceState' : 'pushState'](null, '', path);
    this.#show();
    window.scrollTo(0, 0);
  }

  /** Counts a move that may keep the address: signing in, signing out. */
  moved(): void {
    this.moves += 1;
  }

  /** Follows links to the page's own addresses without loading the page again. */
  listen(): void {
    window.addEventListener('popstate', () => this.#show());
    document.addEventListener('click', (event) => {
      const link = event.target instanceof Element ? event.target.closest('a') : null;
      if (link === null || event.defaultPrevented || event.button !== 0) return;
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      if (link.origin !== location.origin || link.target !== '' || link.hasAttribute('download')) return;
      // The browser follows links inside the page, such as the one that skips the navigation.
      if (link.getAttribute('href')?.startsWith('#')) return;
      event.preventDefault();
      this.go(link.pathname);
    });
  }

  #show(): void {
    if (this.path === location.pathname) return;
    this.moves += 1;
    this.path = location.pathname;
  }
}

export const router = new Router();
