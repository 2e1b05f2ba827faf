// Uses the page in Debian's Chromium, against a running MoocFlix, as its users do.
//
//   MOOCFLIX_URL                      http://127.0.0.1:8080
//   MOOCFLIX_SIGN_INS                 the file that ./run keeps its sample accounts in; its sample lecture must play
//   MOOCFLIX_INSTRUCTOR, MOOCFLIX_ADMIN   instead of it: address:password of an instructor and of an admin
//   MOOCFLIX_SHOTS                    the folder for screenshots; default: none are taken
//   CHROMIUM                          default: /usr/bin/chromium
//
// Prints a line per scene and exits with 1 at the first failure. ffmpeg makes the lectures. Names of scenes as
// arguments run only those.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFiles } from './files.mjs';
import { play } from './play.mjs';
import { openBrowser } from './stage.mjs';
import * as building from './building.mjs';
import * as accounts from './accounts.mjs';
import * as learning from './learning.mjs';
import * as liveCourses from './live_courses.mjs';
import * as live from './live.mjs';
import * as looks from './looks.mjs';
import * as playing from './playing.mjs';
import * as services from './services.mjs';
import * as sharing from './sharing.mjs';
import * as typing from './typing.mjs';
import * as watching from './watching.mjs';
import * as uploading from './uploading.mjs';

const signIns = process.env.MOOCFLIX_SIGN_INS;

async function account(role) {
  if (signIns !== undefined) {
    const rows = (await readFile(signIns, 'utf8')).split('\n').map((line) => line.trim().split(/\s+/));
    const [, email, password] = rows.find((row) => row[0] === role) ?? [];
    if (password === undefined) throw new Error(`${signIns} has no ${role}`);
    return { email, password };
  }
  const name = `MOOCFLIX_${role.toUpperCase()}`;
  const [, email, password] = /^([^:]+):(.+)$/.exec(process.env[name] ?? '') ?? [];
  if (password === undefined) throw new Error(`${name} must be address:password`);
  return { email, password };
}

const folder = await mkdtemp(join(tmpdir(), 'moocflix-page-'));
const stage = await openBrowser({
  base: process.env.MOOCFLIX_URL ?? 'http://127.0.0.1:8080',
  shots: process.env.MOOCFLIX_SHOTS,
});
/** The state that scenes pass on to later ones. */
const world = {
  stage,
  instructor: await account('instructor'),
  admin: await account('admin'),
  learner: { email: `learner-${Date.now().toString(36)}@example.org`, password: 'a quiet learner reads', name: 'Lena Learner' },
  files: await makeFiles(folder),
};

const scenes = [
  ...(signIns === undefined ? [] : [playing.playTheSampleLecture]),
  accounts.signUpAsLearner,
  accounts.refuseWrongPassword,
  accounts.signInByKeyboardAlone,
  uploading.uploadThroughReloadAndLostConnection,
  uploading.refuseAFileThatIsNoLecture,
  uploading.refuseAFileThatIsLargerThanTheSpace,
  uploading.waitForAnUnfinishedUpload,
  uploading.cancelAnUpload,
  playing.playByKeyboard,
  playing.seek,
  playing.continueAfterTheSessionExpires,
  playing.watchWhileItIsEncoded,
  playing.retryWhatFailed,
  playing.adviseWhereNoRetryHelps,
  building.buildACourse,
  building.orderTheOutline,
  building.keepATypedTitle,
  building.sayWhatIsNotSaved,
  building.setDates,
  building.setTheShareToWatch,
  building.dragTheOutline,
  building.editACourseTwice,
  building.publishACourse,
  learning.joinByInvitation,
  learning.leaveAndEnrolByCode,
  learning.resumeInAnotherBrowser,
  learning.goOnWithTheNextLecture,
  learning.hideTheControls,
  learning.readHowFar,
  learning.removeALearner,
  learning.addPeople,
  looks.lookAtCourses,
  playing.rename,
  sharing.watchByALink,
  sharing.takeOutOfAnothersCourse,
  sharing.playInTooManyPlaces,
  sharing.freeThePlaceOfAClosedPage,
  live.goLiveByKeyboard,
  live.watchLive,
  liveCourses.showWhatIsLive,
  live.watchLiveBehindAFirewall,
  live.watchLiveInAFullRoom,
  live.rewindAndReturn,
  live.broadcastFromAnotherPlace,
  live.showTheScreen,
  live.readTheAttendance,
  live.lookAtLive,
  live.endTheLecture,
  live.beginAScheduledLecture,
  typing.keepWhatWasTyped,
  typing.signInAgainOverThePage,
  accounts.givePeopleRoles,
  services.giveAServiceCredentials,
  watching.readWhatAdminsDid,
  accounts.signOutInAllTabs,
  looks.lookAtEveryPage,
  playing.deleteTheLecture,
  accounts.changePasswordLeaveAndComeBack,
];

const isPlayed = await play(world, scenes, process.argv.slice(2));
await rm(folder, { recursive: true, force: true });
process.exit(isPlayed ? 0 : 1);
