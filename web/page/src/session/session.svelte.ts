import createClient from 'openapi-fetch';
import { Problem, body } from '../api/problem';
import type { paths } from '../api/schema';
import type { Role, Tokens, User } from '../api/wire';
import { drafts } from '../ui/drafts';
import { alone } from './alone';
import { marker } from './marker';
import { Question } from './question.svelte';

type State = 'starting' | 'in' | 'out';
/** Why somebody was signed out, if the sign-in page should explain it. */
export type Farewell = 'expired' | 'deactivated' | 'not_kept' | null;
type News = { kind: 'signed-in' | 'signed-out' };

const now = () => Date.now();
/** A token is renewed when a fifth of its life is left, so that no request has to wait for it. */
const renewAt = 0.8;
/** How long a sign-out waits for the last reports. */
const longestReport = 2000;

/**
 * The signed-in user and their tokens. The refresh token is a cookie that no script can read; the access token exists
 * in memory only. Tabs renew one after another, because each renewal changes the cookie that all of them share.
 */
export class Session {
  state = $state<State>('starting');
  user = $state<User | null>(null);
  farewell = $state<Farewell>(null);
  /** Asked over the page, so that what the page shows and what was typed stays. */
  readonly question = new Question();
  /** What is still to be sent under this sign-in before it ends. */
  readonly beforeSignOut = new Set<() => Promise<void>>();
  /** Whether this tab is signing out: the server may refuse whatever is sent now. */
  leaving = false;

  #token = '';
  #expires = 0;
  #renewAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #renewing: Promise<boolean> | null = null;
  #plain = createClient<paths>({ baseUrl: location.origin, fetch: (request) => fetch(request) });
  #mine = createClient<paths>({ baseUrl: location.origin, fetch: (request) => this.fetch(request) });
  #tabs = new BroadcastChannel('moocflix');

  constructor() {
    this.#tabs.onmessage = (event: MessageEvent<News>) => void this.#hear(event.data);
    // Timers stop while the machine sleeps, so this checks the clock when the page becomes visible again.
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && this.state === 'in' && !this.#isLost && now() >= this.#renewAt) this.#renewQuietly();
    });
  }

  /** Finds out at the start whether this browser is signed in; after a sign-in with a provider it holds a new cookie. */
  async start(isBack = false): Promise<void> {
    if (isBack) marker.set();
    else if (!marker.isSet()) {
      this.state = 'out';
      return;
    }
    const isIn = await this.renew();
    if (!isBack) return;
    if (isIn) this.#notify({ kind: 'signed-in' });
    else this.farewell = 'not_kept';
  }

  is(role: Role): boolean {
    return this.user?.roles.includes(role) ?? false;
  }

  get mayUpload(): boolean {
    return this.is('instructor') || this.is('admin');
  }

  async signUp(email: string, password: string, name: string): Promise<void> {
    await body(this.#plain.POST('/api/v1/users/signup', { body: { email, password, name } }));
    await this.signIn(email, password);
  }

  async signIn(email: string, password: string, reactivate = false): Promise<void> {
    const wish = reactivate ? { email, password, cookie: true, reactivate } : { email, password, cookie: true };
    const answer = await body(this.#plain.POST('/api/v1/users/login', { body: wish }));
    this.#keep(answer, true);
    this.farewell = null;
    marker.set();
    this.#notify({ kind: 'signed-in' });
  }

  /**
   * Signs out here or everywhere; signing out here works even if the server can't be reached. A server that could not store
   * it keeps the user signed in, so that it can be repeated.
   */
  async signOut(everywhere = false): Promise<void> {
    const sent = Promise.allSettled([...this.beforeSignOut].map((send) => send()));
    // A server that does not answer keeps nobody signed in.
    await Promise.race([sent, new Promise((resolve) => setTimeout(resolve, longestReport))]);
    this.leaving = true;
    try {
      await body(this.#mine.POST('/api/v1/users/logout', { body: everywhere ? { everywhere } : {} }));
    } catch (thrown) {
      const problem = Problem.of(thrown);
      if (everywhere || problem.status === 503) throw problem;
    } finally {
      this.leaving = false;
    }
    drafts.clear();
    this.end(null);
    this.#notify({ kind: 'signed-out' });
  }

  /** Forgets who was signed in. */
  end(farewell: Farewell): void {
    clearTimeout(this.#timer);
    this.#token = '';
    this.#expires = 0;
    this.user = null;
    this.state = 'out';
    this.farewell = farewell;
    marker.clear();
    this.question.answer(false);
  }

  /** Takes over the account as the server returned it. */
  changed(user: User): void {
    if (user.id === this.user?.id) this.user = user;
  }

  /** Returns an access token that stays valid for a few seconds at least; waits while the user is asked to sign in again. */
  async token(): Promise<string> {
    if (this.state !== 'out' && now() >= this.#expires) await this.#restore();
    return this.#token;
  }

  /**
   * Fetches with the bearer token. A refused token is renewed once, or the user is asked for the password; then the request
   * is sent again.
   */
  async fetch(request: Request): Promise<Response> {
    const again = request.clone();
    const used = await this.token();
    const answer = await fetch(withBearer(request, used));
    if (answer.status !== 401 || !(await this.#mend(answer, used))) return answer;
    return fetch(withBearer(again, this.#token));
  }

  /** Whether the server has refused to renew the sign-in, and the user has not signed in again yet. */
  get #isLost(): boolean {
    return this.question.kind === 'expired';
  }

  /** Whether a refused request may be sent again. */
  async #mend(answer: Response, used: string): Promise<boolean> {
    const { code } = Problem.parse(answer.status, await answer.clone().text());
    if (code === 'invalid_credentials' || this.state === 'out') return false;
    if (code === 'reauthentication_required') return this.question.ask('confirm');
    return this.#token !== used || this.#restore();
  }

  /** Renews the sign-in, or asks the user to sign in again; false if neither succeeded. */
  async #restore(): Promise<boolean> {
    if (!this.#isLost && (await this.renew())) return true;
    return this.state === 'in' && this.question.ask('expired');
  }

  /** Exchanges the cookie for a new access token; false if the server no longer accepts it. */
  renew(): Promise<boolean> {
    this.#renewing ??= alone('moocflix-renew', () => this.#trade()).finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #trade(): Promise<boolean> {
    const asked = this.#plain.POST('/api/v1/users/token', {
      body: { grant_type: 'refresh_token' },
      // OAuth's endpoint takes a form; the client serialises the body by this header.
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    });
    try {
      const answer = await body(asked);
      // A refresh token gives a person's tokens; only clients get others.
      if ('user' in answer) this.#keep(answer, false);
      return 'user' in answer;
    } catch (thrown) {
      const problem = Problem.of(thrown);
      // Only a refusal ends the sign-in; an unreachable server does not.
      if (problem.status !== 400 && problem.status !== 401 && problem.status !== 403) throw problem;
      if (this.user === null) this.end('expired');
      else this.#lose();
      return false;
    }
  }

  /** Keeps the page, and asks over it. */
  #lose(): void {
    clearTimeout(this.#timer);
    this.#token = '';
    this.#expires = 0;
    void this.question.ask('expired');
  }

  #keep(tokens: Tokens, isFresh: boolean): void {
    const lifetime = tokens.expires_in;
    // Requests that wait belong to the user who made them.
    const isSame = this.user === null || this.user.id === tokens.user.id;
    this.user = tokens.user;
    this.state = 'in';
    this.#token = tokens.access_token;
    this.#expires = now() + (lifetime - 5) * 1000;
    this.#renewAt = now() + lifetime * renewAt * 1000;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#renewQuietly(), lifetime * renewAt * 1000);
    // A renewed token confirms nobody's identity: its sign-in is as old as before.
    if (isFresh || !isSame || this.#isLost) this.question.answer(isSame);
  }

  #renewQuietly(): void {
    // A failure can be ignored: the next request tries again and reports it.
    void this.renew().catch(() => undefined);
  }

  async #hear(news: News): Promise<void> {
    const before = this.user?.id;
    if (news.kind === 'signed-out') this.end(null);
    else await this.#join();
    // The page still shows another user's data.
    if (before !== undefined && this.user !== null && this.user.id !== before) location.reload();
  }

  /** Takes over the sign-in of another tab, which is recent and therefore answers what is asked here. */
  async #join(): Promise<void> {
    const before = this.user?.id;
    // A renewal that has begun may still use the cookie of the sign-in before.
    await this.#renewing?.catch(() => false);
    const isIn = await this.renew().catch(() => false);
    if (isIn && this.user?.id === before) this.question.answer(true);
  }

  #notify(news: News): void {
    this.#tabs.postMessage(news);
  }
}

function withBearer(request: Request, token: string): Request {
  if (token !== '') request.headers.set('Authorization', `Bearer ${token}`);
  return request;
}

/** The sign-in of this tab. */
export const session = new Session();
