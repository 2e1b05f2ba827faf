import type { components } from './schema';

type Schemas = components['schemas'];

/** A lecture, as the server describes it. */
export type Video = Schemas['Video'];
/** Where a lecture is in its life. */
export type VideoStatus = Video['status'];
/** Somebody with an account. */
export type User = Schemas['User'];
/** A person's role on this site. */
export type Role = User['roles'][number];
/** The tokens that signing in and renewing return. */
export type Tokens = Schemas['Tokens'];
/** What somebody's lectures and uploads take, and may take. */
export type Usage = Schemas['Usage'];
/** A record of what an administrator did, and a page of them. */
export type AuditEntry = Schemas['AuditEntry'];
export type AuditPage = Schemas['AuditPage'];
/** A playback session. */
export type PlaybackSession = Schemas['PlaybackSession'];
