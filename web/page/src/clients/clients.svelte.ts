import { api } from '../api/client';
import { body, Problem } from '../api/problem';
import type { Client, MadeClient } from '../api/wire';

/** What a client may be allowed to do, in the order in which it is offered. */
export const scopes = ['content:read', 'content:access', 'content:stream', 'courses:read'] as const;

/** The other services that have credentials here. */
export class ClientList {
  items = $state.raw<Client[]>([]);
  problem = $state<Problem | null>(null);
  busy = $state(false);
  loaded = $state(false);
  cursor = $state<string | null>(null);

  /** Loads the next page, the first one at first. */
  async more(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    try {
      const query = { limit: 50, ...(this.cursor === null ? {} : { cursor: this.cursor }) };
      const page = await body(api.GET('/api/v1/users/clients', { params: { query } }));
      this.items = [...this.items, ...page.items];
      this.cursor = page.next_cursor ?? null;
      this.loaded = true;
    } catch (thrown) {
      this.problem = Problem.of(thrown);
    } finally {
      this.busy = false;
    }
  }

  async create(name: string, allowed: string[]): Promise<MadeClient> {
    const made = await body(api.POST('/api/v1/users/clients', { body: { name, scopes: allowed } }));
    if (this.cursor === null) this.items = [...this.items, made];
    return made;
  }

  async renew(client: Client): Promise<MadeClient> {
    const made = await body(api.POST('/api/v1/users/clients/{id}/secret', { params: { path: { id: client.client_id } } }));
    this.items = this.items.map((each) => (each.client_id === made.client_id ? made : each));
    return made;
  }

  async remove(client: Client): Promise<void> {
    await body(api.DELETE('/api/v1/users/clients/{id}', { params: { path: { id: client.client_id } } }));
    this.items = this.items.filter((each) => each.client_id !== client.client_id);
  }
}
