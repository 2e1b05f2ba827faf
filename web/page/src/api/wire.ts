import type { components } from './schema';

type Schemas = components['schemas'];

/** A lecture, as the server tells it. */
export type Video = Schemas['Video'];
/** Where a lecture is in its life. */
export type VideoStatus = Video['status'];
/** Somebody with an account. */
export type User = Schemas['User'];
/** What somebody may do on this MoocFlix. */
export type Role = User['roles'][number];
/** What signing in and renewing give. */
export type Tokens = Schemas['Tokens'];
/** A playback session. */
export type PlaybackSession = Schemas['PlaybackSession'];
