// Fails if src/api/schema.d.ts does not match openapi.json.
import { readFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';

const document = new URL('../../../openapi.json', import.meta.url);
const committed = new URL('../src/api/schema.d.ts', import.meta.url);

// The command line tool writes its own heading, which does not count.
const body = (text) => text.replace(/^\/\*\*[\s\S]*?\*\/\s*/, '').trim();

const fresh = astToString(await openapiTS(document, { silent: true }));
if (body(await readFile(committed, 'utf8')) !== body(fresh)) {
  console.error('web/page/src/api/schema.d.ts does not match openapi.json: run `npm run types` and commit it');
  process.exit(1);
}
