import { beforeEach, expect, test } from 'vitest';
import { Problem } from '../api/problem';
import { drafts } from './drafts';
import { filled, Form } from './form.svelte';

beforeEach(() => sessionStorage.clear());
const element = () => document.createElement('form');
const edit = () => new Form({ title: 'Vectors', description: '' }, { title: filled }, 'u1.lecture.v1');

test('what was typed survives until it is saved', async () => {
  const form = edit();
  expect(form.changed).toBe(false);
  form.values.description = 'Spaces';
  form.keep();
  expect(form.changed).toBe(true);
  const later = edit();
  expect([later.values.title, later.values.description, later.restored]).toEqual(['Vectors', 'Spaces', true]);
  const failed = await later.send(element(), () => Promise.reject(Problem.network()));
  expect([failed, later.changed, edit().restored]).toEqual([false, true, true]);
  expect(await later.send(element(), () => Promise.resolve())).toBe(true);
  expect([later.changed, edit().restored]).toEqual([false, false]);
});

test('discarded changes are gone, and so are those typed back', () => {
  const form = edit();
  form.values.title = 'Matrices';
  form.keep();
  form.discard();
  expect([form.values.title, form.changed, edit().restored]).toEqual(['Vectors', false, false]);
  form.values.title = 'Matrices';
  form.keep();
  form.values.title = 'Vectors';
  form.keep();
  expect(edit().restored).toBe(false);
});

test('signing out forgets every draft, and a broken one is none', () => {
  const form = edit();
  form.values.title = 'Matrices';
  form.keep();
  sessionStorage.setItem('another', '1');
  drafts.clear();
  expect([edit().restored, sessionStorage.getItem('another')]).toEqual([false, '1']);
  sessionStorage.setItem('moocflix.draft.u1.lecture.v1', '{');
  expect(edit().values.title).toBe('Vectors');
});

test('only what was typed is changed', async () => {
  const form = edit();
  expect(form.changes).toEqual({});
  form.values.description = 'Spaces';
  expect(form.changes).toEqual({ description: 'Spaces' });
  await form.send(element(), () => Promise.resolve());
  form.values.title = 'Matrices';
  expect(form.changes).toEqual({ title: 'Matrices' });
});

test('what was only picked is no change, but is kept with what was typed', () => {
  const announce = () => new Form({ title: '', when: 'now' }, {}, 'u1.live.new', ['when']);
  const form = announce();
  form.values.when = 'later';
  form.keep();
  expect([form.changed, announce().restored, announce().values.when]).toEqual([false, false, 'now']);
  form.values.title = 'Primes';
  form.keep();
  expect([form.changed, announce().restored, announce().values.when]).toEqual([true, true, 'later']);
});

test('a declined question is no problem that the form shows', async () => {
  const form = edit();
  await form.send(element(), () => Promise.reject(new Problem(401, 'reauthentication_required', 'old')));
  expect(form.problem).toBeNull();
});
