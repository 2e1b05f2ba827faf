/** The page's own addresses; the server answers index.html for each. */
export const to = {
  home: '/',
  signIn: '/sign-in',
  signUp: '/sign-up',
  lectures: '/lectures',
  upload: '/upload',
  people: '/people',
  audit: '/people/audit',
  clients: '/people/services',
  account: '/account',
  /** The end of a sign-in in a tab of its own, after which another tab goes on. */
  signedIn: '/signed-in',
  lecture: (id: string) => `/lectures/${id}`,
  /** Where a live lecture is broadcast from. */
  studio: (id: string) => `/lectures/${id}/studio`,
  course: (id: string) => `/courses/${id}`,
  item: (course: string, item: string) => `/courses/${course}/items/${item}`,
  builder: (id: string) => `/courses/${id}/edit`,
  members: (id: string) => `/courses/${id}/members`,
  /** The course as its learners see it, for those who teach it. */
  asLearner: (id: string) => `/courses/${id}?as=learner`,
  invitation: (id: string, code: string) => `/courses/${id}?code=${encodeURIComponent(code)}`,
  /** Signing in or up on the way to another page. */
  signInFor: (next: string) => entrance('/sign-in', next),
  signUpFor: (next: string) => entrance('/sign-up', next),
  /** A page for signing in or up, when a provider sends the browser back to it. */
  backFrom: (provider: string, page: string) => `${page}${page.includes('?') ? '&' : '?'}from=${encodeURIComponent(provider)}`,
} as const;

export type Route =
  | { name: 'home' | 'lectures' | 'upload' | 'people' | 'audit' | 'clients' | 'account' | 'signedIn' | 'notFound' }
  | { name: 'signIn' | 'signUp'; next: string }
  | { name: 'lecture'; id: string; key: string | null }
  | { name: 'course'; id: string; item: string | null; code: string | null; asLearner: boolean }
  | { name: 'builder' | 'members' | 'studio'; id: string };

const plain = ['home', 'lectures', 'upload', 'people', 'audit', 'clients', 'account', 'signedIn'] as const;

/** The route of an address. */
export function parse(path: string, search = ''): Route {
  const query = new URLSearchParams(search);
  const trimmed = path.replace(/\/+$/, '') || '/';
  const name = plain.find((each) => to[each] === trimmed);
  if (name !== undefined) return { name };
  if (trimmed === '/courses') return { name: 'home' };
  if (trimmed === to.signIn) return { name: 'signIn', next: within(query.get('next')) };
  if (trimmed === to.signUp) return { name: 'signUp', next: within(query.get('next')) };
  const lecture = /^\/lectures\/([\w-]+)$/.exec(trimmed)?.[1];
  if (lecture !== undefined) return { name: 'lecture', id: lecture, key: query.get('s') };
  const studio = /^\/lectures\/([\w-]+)\/studio$/.exec(trimmed)?.[1];
  if (studio !== undefined) return { name: 'studio', id: studio };
  return ofCourse(trimmed, query) ?? { name: 'notFound' };
}

function ofCourse(path: string, query: URLSearchParams): Route | null {
  const [, id, part, item] = /^\/courses\/([\w-]+)(?:\/(edit|members|items\/([\w-]+)))?$/.exec(path) ?? [];
  if (id === undefined) return null;
  if (part === 'edit') return { name: 'builder', id };
  if (part === 'members') return { name: 'members', id };
  return { name: 'course', id, item: item ?? null, code: query.get('code'), asLearner: query.get('as') === 'learner' };
}

/** An address of this site; home for every other, so that no link leads through the sign-in to another site. */
export function within(next: string | null): string {
  try {
    const url = new URL(next ?? to.home, location.origin);
    return url.origin === location.origin ? url.pathname + url.search : to.home;
  } catch {
    return to.home;
  }
}

function entrance(path: string, next: string): string {
  return next === '/' ? path : `${path}?next=${encodeURIComponent(next)}`;
}

class Router {
  path = $state(location.pathname);
  search = $state(location.search);
  /** The number of moves so far; 0 while the first page is still shown. */
  moves = 0;
  route = $derived(parse(this.path, this.search));

  get address(): string {
    return this.path + this.search;
  }

  /** The page in the navigation that the present one belongs to. */
  get room(): Route['name'] {
    const { name } = this.route;
    if (name === 'course' || name === 'builder' || name === 'members') return 'home';
    if (name === 'audit' || name === 'clients') return 'people';
    return name === 'lecture' || name === 'studio' ? 'lectures' : name;
  }

  /** The page that somebody gets to by signing in: the one that is open, or the one from which they came to sign in. */
  get wanted(): string {
    const route = this.route;
    return route.name === 'signIn' || route.name === 'signUp' ? route.next : this.address;
  }

  go(address: string, replace = false): void {
    if (address === this.address) return;
    history[replace ? 'replaceState' : 'pushState'](null, '', address);
    this.#show();
    window.scrollTo(0, 0);
  }

  /** Gives the page that is shown its full address. */
  settle(address: string): void {
    history.replaceState(null, '', address);
    this.#take();
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
      // The server's own addresses are no pages; one of them leads to another site, where people sign in.
      if (link.pathname.startsWith('/api/')) return;
      // The browser follows links inside the page, such as the one that skips the navigation.
      if (link.getAttribute('href')?.startsWith('#')) return;
      event.preventDefault();
      this.go(link.pathname + link.search);
    });
  }

  #show(): void {
    if (this.path === location.pathname && this.search === location.search) return;
    this.moves += 1;
    this.#take();
  }

  #take(): void {
    this.path = location.pathname;
    this.search = location.search;
  }
}

export const router = new Router();
