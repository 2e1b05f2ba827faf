import createClient from 'openapi-fetch';
import { session } from '../session/session.svelte';
import type { paths } from './schema';

/** The API client for the signed-in user. */
export const api = createClient<paths>({ baseUrl: location.origin, fetch: (request) => session.fetch(request) });
