import { afterEach, expect, test, vi } from 'vitest';
import { api } from '../api/client';
import { BuilderState } from './builder.svelte';

interface Sent {
  params: { header: Record<string, string> };
  body?: { content_id?: string };
}

const reply = (title: string, version: number) => ({
  data: { id: 'c', title, modules: [] },
  response: new Response(null, { headers: { ETag: `"${version}"` } }),
});

afterEach(() => vi.restoreAllMocks());

test('a look that began before an edit does not undo it', async () => {
  let title = 'Graphs';
  let version = 1;
  const answers: (() => void)[] = [];
  vi.spyOn(api, 'GET').mockImplementation((() => {
    const seen = reply(title, version);
    return new Promise((answer) => answers.push(() => answer(seen)));
  }) as never);
  const based: (string | undefined)[] = [];
  vi.spyOn(api, 'PATCH').mockImplementation(((_path: string, { params }: Sent) => {
    based.push(params.header['If-Match']);
    title = 'Trees';
    version += 1;
    return Promise.resolve(reply(title, version));
  }) as never);
  const answered = async () => {
    await vi.waitFor(() => expect(answers).toHaveLength(1));
    // By the next turn, whatever does not wait for the look has been answered.
    await new Promise((turn) => setTimeout(turn));
    answers.pop()?.();
  };
  const builder = new BuilderState('c');
  await Promise.all([builder.load(), answered()]);
  await Promise.all([builder.load(), builder.change({ title: 'Trees' }), answered()]);
  expect(builder.course?.title).toBe('Trees');
  await builder.change({ title: 'Trees' });
  expect(based).toEqual(['"1"', '"2"']);
});

test('lectures of which some were added are asked for under the same keys again', async () => {
  vi.spyOn(api, 'GET').mockImplementation((() => Promise.resolve(reply('Graphs', 1))) as never);
  const asked: string[] = [];
  vi.spyOn(api, 'POST').mockImplementation(((_path: string, { params, body }: Sent) => {
    asked.push(`${body?.content_id} ${params.header['Idempotency-Key']}`);
    if (asked.length === 2) return Promise.reject(new TypeError());
    return Promise.resolve({ data: {}, response: new Response() });
  }) as never);
  const builder = new BuilderState('c');
  await builder.load();
  await expect(builder.addItems('m', ['a', 'b'], 'key')).rejects.toMatchObject({ code: 'network' });
  await builder.addItems('m', ['a', 'b'], 'key');
  expect(asked).toEqual(['a key-a', 'b key-b', 'a key-a', 'b key-b']);
});
