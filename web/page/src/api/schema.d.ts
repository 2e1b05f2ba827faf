// Made by hand from the design's wire names until openapi.json is there; then by `npm run types`.
interface Body<T> { content: { 'application/json': T } }
interface Reply<T> { headers: Record<string, unknown>; content: { 'application/json': T } }
interface Failure { headers: Record<string, unknown>; content: { 'application/problem+json': components['schemas']['ProblemDocument'] } }
type Op<B, R, Query = never, Path = never> = {
  parameters: ([Query] extends [never] ? { query?: never } : { query?: Query })
    & ([Path] extends [never] ? { path?: never } : { path: Path }) & { header?: never; cookie?: never };
  responses: { 200: Reply<R>; default: Failure };
} & ([B] extends [undefined] ? { requestBody?: never } : { requestBody: B });
type None = undefined;
type ById = { video_id: string };
export interface paths {
  '/api/v1/users/signup': { post: Op<Body<{ email: string; password: string; name: string }>, components['schemas']['User'], never, never> };
  '/api/v1/users/login': { post: Op<Body<{ email: string; password: string; cookie?: boolean; reactivate?: boolean }>, components['schemas']['Tokens']> };
  '/api/v1/users/token': { post: Op<{ content: { 'application/x-www-form-urlencoded': { grant_type?: string } } }, components['schemas']['Tokens']> };
  '/api/v1/users/logout': { post: Op<Body<{ everywhere?: boolean }>, undefined> };
  '/api/v1/users/profile': { get: Op<None, components['schemas']['User']> };
  '/api/v1/users/profile/update': { put: Op<Body<{ name?: string }>, components['schemas']['User']> };
  '/api/v1/users/password/change': { post: Op<Body<{ current_password: string; new_password: string }>, undefined> };
  '/api/v1/users/deactivate': { delete: Op<None, undefined> };
  '/api/v1/users': { get: Op<None, { items: components['schemas']['User'][]; next_cursor?: string | null }, { email?: string; cursor?: string; limit?: number }> };
  '/api/v1/users/{id}/roles': { put: Op<Body<{ roles: components['schemas']['Role'][] }>, components['schemas']['User'], never, { id: string }> };
  '/api/v1/content': { get: Op<None, components['schemas']['VideoPage'], { status?: components['schemas']['VideoStatus']; limit?: number; cursor?: string }> };
  '/api/v1/content/{video_id}': {
    get: Op<None, components['schemas']['Video'], never, ById>;
    patch: Op<Body<{ title?: string; description?: string | null }>, components['schemas']['Video'], never, ById>;
  };
  '/api/v1/content/{video_id}/stream': { get: Op<None, components['schemas']['PlaybackSession'], never, ById> };
  '/api/v1/content/{video_id}/delete': { delete: Op<None, unknown, never, ById> };
}
export interface components {
  schemas: {
    ProblemDocument: { type: string; title: string; status: number; detail: string; code: string; request_id?: string; errors?: { field: string; message: string }[] };
    Role: 'learner' | 'instructor' | 'admin';
    User: { id: string; email: string; name: string; roles: components['schemas']['Role'][]; email_verified: boolean; bio?: string | null; locale?: string | null; created_at: string; deactivated_at?: string | null };
    Tokens: { access_token: string; token_type: string; expires_in: number; user: components['schemas']['User'] };
    VideoStatus: 'uploading' | 'processing' | 'playable' | 'ready' | 'failed' | 'deleted';
    Video: {
      id: string; owner_id: string; title: string; description: string | null; status: components['schemas']['VideoStatus'];
      reason: null | { code: string; message: string }; progress: number;
      upload: null | { offset: number; length: number | null; url: string | null };
      duration: number | null;
      source: { bytes: number | null; filename: string | null; container: string | null };
      video: null | { codec: string; width: number; height: number; frame_rate: number | null; rotation: number };
      audio: { codec: string; channels: number; language: string | null }[];
      created_at: string; updated_at: string; playable_at: string | null; ready_at: string | null;
    };
    VideoPage: { items: components['schemas']['Video'][]; next_cursor: string | null };
    PlaybackSession: { session_id: string; hls_url: string; dash_url: string | null; expires_at: string; heartbeat_url: string; heartbeat_interval: number };
  };
}
