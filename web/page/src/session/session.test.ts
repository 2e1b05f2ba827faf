import { beforeEach, expect, test, vi } from 'vitest';
import { Session } from './session.svelte';

const user = { id: 'u1', email: 'ada@example.org', name: 'Ada', roles: ['instructor'] };
let answers: Record<string, (request: Request) => Response>;
let asked: string[];

const json = (status: number, body: unknown) => new Response(JSON.stringify(body), { status });
const tokens = (token: string, lifetime = 300) => json(200, { access_token: token, token_type: 'Bearer', expires_in: lifetime, user });
const bearer = (request: Request) => request.headers.get('Authorization');

/** Tabs of one test, so that those of another one don't hear them. */
let tabs: Tab[] = [];
class Tab {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  constructor() {
    tabs.push(this);
  }
  postMessage(data: unknown) {
    for (const tab of tabs) if (tab !== this) tab.onmessage?.({ data });
  }
}

beforeEach(() => {
  tabs = [];
  vi.stubGlobal('BroadcastChannel', Tab);
  localStorage.clear();
  asked = [];
  answers = {
    '/api/v1/users/login': () => tokens('first'),
    '/api/v1/users/token': () => tokens('second'),
    '/api/v1/users/logout': () => new Response(null, { status: 204 }),
  };
  vi.stubGlobal('fetch', async (request: Request) => {
    const path = new URL(request.url).pathname;
    asked.push(path);
    const answer = answers[path];
    if (answer === undefined) throw new TypeError('no such address in this test');
    return answer(request);
  });
});

async function signedIn(): Promise<Session> {
  const session = new Session();
  await session.signIn('ada@example.org', 'a long password');
  return session;
}

test('a first visit asks the server nothing', async () => {
  const session = new Session();
  await session.start();
  expect(session.state).toBe('out');
  expect(asked).toEqual([]);
});

test('a browser that was signed in is signed in again from its cookie', async () => {
  await signedIn();
  const later = new Session();
  await later.start();
  expect(later.state).toBe('in');
  expect(later.mayUpload).toBe(true);
});

test('a refused token is renewed once, and the request sent again with its body', async () => {
  const session = await signedIn();
  const seen: (string | null)[] = [];
  answers['/api/v1/content'] = (request) => {
    seen.push(bearer(request));
    return bearer(request) === 'Bearer second' ? json(200, {}) : json(401, { code: 'unauthenticated' });
  };
  const ask = () => session.fetch(new Request('http://localhost/api/v1/content', { method: 'POST', body: 'hello' }));
  const [one, other] = await Promise.all([ask(), ask()]);
  expect([one.status, other.status]).toEqual([200, 200]);
  expect(seen).toEqual(['Bearer first', 'Bearer first', 'Bearer second', 'Bearer second']);
  expect(asked.filter((path) => path.endsWith('/token'))).toHaveLength(1);
});

test('a request for a recent sign-in asks for the password, and is sent again or given up', async () => {
  const session = await signedIn();
  answers['/api/v1/users/deactivate'] = (request) =>
    bearer(request) === 'Bearer first' ? json(401, { code: 'reauthentication_required' }) : json(200, {});
  const ask = () => session.fetch(new Request('http://localhost/api/v1/users/deactivate', { method: 'DELETE' }));
  const declined = ask();
  await vi.waitFor(() => expect(session.question.kind).toBe('confirm'));
  session.question.answer(false);
  expect((await declined).status).toBe(401);
  expect(session.question.kind).toBeNull();
  const confirmed = ask();
  await vi.waitFor(() => expect(session.question.kind).toBe('confirm'));
  answers['/api/v1/users/login'] = () => tokens('fresh');
  await session.signIn('ada@example.org', 'a long password');
  expect((await confirmed).status).toBe(200);
  expect(asked).not.toContain('/api/v1/users/token');
});

/** A session that is asked to confirm who uses it, and the request that waits for that. */
async function asking(): Promise<{ session: Session; waiting: Promise<Response> }> {
  const session = await signedIn();
  answers['/api/v1/users/deactivate'] = (request) =>
    bearer(request) === 'Bearer first' ? json(401, { code: 'reauthentication_required' }) : json(200, {});
  const waiting = session.fetch(new Request('http://localhost/api/v1/users/deactivate', { method: 'DELETE' }));
  await vi.waitFor(() => expect(session.question.kind).toBe('confirm'));
  return { session, waiting };
}

test('a sign-in in another tab confirms who it is, and a renewed token does not', async () => {
  const { session, waiting } = await asking();
  await session.renew();
  expect(session.question.kind).toBe('confirm');
  const other = new Session();
  await other.start(true);
  expect((await waiting).status).toBe(200);
  expect(session.question.kind).toBeNull();
});

test('a sign-in of somebody else in another tab confirms nothing', async () => {
  vi.stubGlobal('location', { origin: location.origin, reload: vi.fn() });
  const { waiting } = await asking();
  const stranger = { ...user, id: 'u2' };
  answers['/api/v1/users/token'] = () => json(200, { access_token: 'third', token_type: 'Bearer', expires_in: 300, user: stranger });
  await new Session().start(true);
  expect((await waiting).status).toBe(401);
  await vi.waitFor(() => expect(location.reload).toHaveBeenCalled());
  vi.unstubAllGlobals();
});

test('a browser that comes back from a provider is signed in, after a reload too, or learns that its cookie is missing', async () => {
  const back = new Session();
  await back.start(true);
  expect([back.state, back.farewell]).toEqual(['in', null]);
  const later = new Session();
  await later.start();
  expect(later.state).toBe('in');
  answers['/api/v1/users/token'] = () => json(400, { error: 'invalid_grant' });
  const without = new Session();
  await without.start(true);
  expect([without.state, without.farewell]).toEqual(['out', 'not_kept']);
  asked = [];
  await new Session().start();
  expect(asked).toEqual([]);
});

/** A session whose sign-in the server has ended, so that both its tokens are refused until somebody signs in again. */
async function lost(): Promise<{ session: Session; bodies: string[]; save: () => Promise<Response> }> {
  answers['/api/v1/users/login'] = () => tokens('first');
  const session = await signedIn();
  const bodies: string[] = [];
  answers['/api/v1/users/login'] = () => tokens('third');
  answers['/api/v1/users/token'] = () => json(400, { error: 'invalid_grant' });
  answers['/api/v1/content/v1'] = (request) => {
    if (bearer(request) !== 'Bearer third') return json(401, { code: 'unauthenticated' });
    void request.text().then((text) => bodies.push(text));
    return json(200, {});
  };
  const save = () => session.fetch(new Request('http://localhost/api/v1/content/v1', { method: 'PATCH', body: 'typed' }));
  return { session, bodies, save };
}

test('a lost sign-in keeps the page, asks for the password, and sends every waiting request again', async () => {
  const { session, bodies, save } = await lost();
  const [one, other] = [save(), save()];
  await vi.waitFor(() => expect(session.question.kind).toBe('expired'));
  expect([session.state, session.user?.id]).toEqual(['in', 'u1']);
  const third = save();
  expect(asked.filter((path) => path.endsWith('/token'))).toHaveLength(1);
  await session.signIn('ada@example.org', 'a long password');
  expect((await Promise.all([one, other, third])).map((each) => each.status)).toEqual([200, 200, 200]);
  await vi.waitFor(() => expect(bodies).toEqual(['typed', 'typed', 'typed']));
  expect(session.question.kind).toBeNull();
});

test('waiting requests are given up with the sign-in, and never sent as somebody else', async () => {
  const { session, bodies, save } = await lost();
  const given = save();
  await vi.waitFor(() => expect(session.question.kind).toBe('expired'));
  session.end('expired');
  expect((await given).status).toBe(401);
  expect([session.state, session.farewell]).toEqual(['out', 'expired']);

  const again = await lost();
  const waiting = again.save();
  await vi.waitFor(() => expect(again.session.question.kind).toBe('expired'));
  const stranger = { ...user, id: 'u2' };
  answers['/api/v1/users/login'] = () => json(200, { access_token: 'third', token_type: 'Bearer', expires_in: 300, user: stranger });
  await again.session.signIn('eve@example.org', 'a long password');
  expect((await waiting).status).toBe(401);
  expect(bodies).toEqual([]);
});

test('an unreachable server does not end the sign-in; after a refusal the user is asked to sign in again', async () => {
  const session = await signedIn();
  answers['/api/v1/users/token'] = () => json(503, { error: 'temporarily_unavailable' });
  await expect(session.renew()).rejects.toMatchObject({ status: 503 });
  expect(session.state).toBe('in');
  answers['/api/v1/users/token'] = () => json(400, { error: 'invalid_grant' });
  expect(await session.renew()).toBe(false);
  expect([session.state, session.question.kind]).toEqual(['in', 'expired']);
  const later = new Session();
  await later.start();
  expect([later.state, later.farewell], 'after a reload there is no page to keep').toEqual(['out', 'expired']);
});

test('signing out works here even if the server can not be reached', async () => {
  const session = await signedIn();
  delete answers['/api/v1/users/logout'];
  await session.signOut();
  expect(session.state).toBe('out');
  expect(session.user).toBeNull();
  await expect((await signedIn()).signOut(true)).rejects.toMatchObject({ code: 'network' });
});

test('a sign-out that the server could not store keeps the user signed in and can be repeated', async () => {
  const session = await signedIn();
  const other = new Session();
  await other.start();
  const signOut = answers['/api/v1/users/logout']!;
  answers['/api/v1/users/logout'] = () => json(503, { code: 'unavailable' });
  await expect(session.signOut()).rejects.toMatchObject({ status: 503, code: 'unavailable' });
  expect([session.state, session.user?.id, other.state]).toEqual(['in', 'u1', 'in']);
  answers['/api/v1/users/logout'] = signOut;
  await session.signOut();
  expect([session.state, other.state]).toEqual(['out', 'out']);
});

test('tabs sign in and out together', async () => {
  const [one, other] = [new Session(), new Session()];
  await Promise.all([one.start(), other.start()]);
  await one.signIn('ada@example.org', 'a long password');
  await vi.waitFor(() => expect(other.state).toBe('in'));
  await other.signOut();
  expect(one.state).toBe('out');
});
