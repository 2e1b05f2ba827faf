import createClient from 'openapi-fetch';
import { session } from '../session/session.svelte';
import type { paths } from './schema';

/** The API on behalf of whoever is signed in. */
export const api = createClient<paths>({ baseUrl: location.origin, fetch: (request) => session.fetch(request) });
