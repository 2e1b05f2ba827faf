import type { components } from './schema';

type Schemas = components['schemas'];

/** Who may watch a lecture besides the learners of its courses. */
export type Visibility = Schemas['Visibility'];
/** A lecture, as the server describes it. */
export type Video = Schemas['Video'];
export type VideoChange = Schemas['VideoChange'];
/** Where a lecture is in its life. */
export type VideoStatus = Video['status'];
/** Somebody with an account. */
export type User = Schemas['User'];
/** Another OpenID Connect provider that people can sign in with. */
export type Provider = Schemas['Provider'];
/** A person's role on this site. */
export type Role = User['roles'][number];
/** The tokens that signing in and renewing return. */
export type Tokens = Schemas['Tokens'];
/** What somebody's lectures and uploads take, and may take. */
export type Usage = Schemas['Usage'];
/** A record of what an administrator did, and a page of them. */
export type AuditEntry = Schemas['AuditEntry'];
export type AuditPage = Schemas['AuditPage'];
/** A course, with its outline if it is asked for alone. */
export type Course = Schemas['Course'];
export type CourseDetails = Schemas['CourseDetails'];
export type CourseModule = Schemas['CourseModuleDetails'];
export type CourseItem = Schemas['CourseItemDetails'];
export type CourseUpdate = Schemas['CourseUpdate'];
export type ModuleUpdate = Schemas['CourseModuleUpdate'];
export type CourseAccess = Schemas['CourseAccess'];
export type CourseJoin = Schemas['CourseJoin'];
export type CourseRole = Schemas['CourseRole'];
export type CourseMember = Schemas['CourseMember'];
/** A course that has a lecture, as the lecture's owner sees it. */
export type LectureCourse = Schemas['LectureCourse'];
/** What became of a line of a pasted list. */
export type EnrolmentLine = Schemas['EnrolmentListLine'];
/** Another service with credentials of its own; with its secret once, when it has just got one. */
export type Client = Schemas['Client'];
export type MadeClient = Schemas['MadeClient'];
/** A playback session, and one that is in use in another place. */
export type PlaybackSession = Schemas['PlaybackSession'];
export type LiveSession = Schemas['LivePlaybackSession'];
/** How far the caller is in a course, and in one item of it. */
export type CourseProgress = Schemas['CourseProgress'];
export type ItemProgress = Schemas['CourseItemProgress'];
/** How far a member of a course is, and a page of them. */
export type MemberProgress = Schemas['CourseMemberProgress'];
export type MemberProgressPage = Schemas['CourseMemberProgressPage'];
