import { expect, test } from 'vitest';
import type { CourseDetails } from '../api/wire';
import { todos } from './checklist';

const now = Date.parse('2026-11-30T12:00:00Z');
const module = (title: string, ...states: string[]) => ({ id: title, title, items: states.map((state, n) => ({ id: `${n}`, title: `${title}${n}`, state })) });
const kinds = (fields: object) => todos({ description: 'What it is about', modules: [], ...fields } as unknown as CourseDetails, now).map(({ kind, text }) => `${kind}: ${text}`);

test('a course lacks nothing if each module has lectures and one of them can be watched or is scheduled', () => {
  expect(kinds({ modules: [module('One', 'ready'), module('Two', 'playable')] })).toEqual([]);
  expect(kinds({ modules: [module('One', 'scheduled')] })).toEqual([]);
});

test('everything that the server asks for is named, with its title', () => {
  expect(kinds({})).toEqual(['must: Add a module with a lecture.']);
  expect(kinds({ modules: [module('One', 'ready'), module('Two')], ends_at: '2026-11-30T11:00:00Z' })).toEqual([
    'must: The course has ended already: set a later date, or none.',
    'must: “Two” has no lecture.',
  ]);
  expect(kinds({ modules: [module('One', 'ready', 'failed', 'deleted')] })).toEqual(['must: “One1” can’t be played.', 'must: “One2” was deleted.']);
  expect(kinds({ modules: [module('One', 'processing')] })).toEqual(['must: No lecture can be watched yet, and no live lecture is scheduled.']);
});

test('what only would be better is a hint', () => {
  expect(kinds({ modules: [module('One', 'ready', 'uploading')], description: ' ' })).toEqual([
    'should: 1 lecture is not ready yet; learners see it as “Soon”.',
    'should: Add a description: it helps learners to find the course.',
  ]);
});
