// Signs in to the page with another provider, in Debian's Chromium, as a person does with a keyboard.
//
//   MOOCFLIX_URL        a running MoocFlix with the provider `school`, called Example School: e2e/node/provider.mjs
//   PROVIDER_CONTROL    the provider's address for commands, which it prints as `control`
//   MOOCFLIX_SHOTS, CHROMIUM   as for run.mjs
//
// Prints a line per scene and exits with 1 at the first failure. Names of scenes as arguments run only those.
import { play } from './play.mjs';
import * as provider from './provider.mjs';
import { openBrowser } from './stage.mjs';

const { MOOCFLIX_URL: base, PROVIDER_CONTROL: control, MOOCFLIX_SHOTS: shots } = process.env;
if (base === undefined || control === undefined) throw new Error('MOOCFLIX_URL and PROVIDER_CONTROL must be set');

const stage = await openBrowser({ base, shots });
/** The state that scenes pass on to later ones. */
const world = { stage, control };

const scenes = [
  provider.useTheFormWithoutTheList,
  provider.signInWithAProvider,
  provider.signInAfterItsKeyHasChanged,
  provider.confirmInAnotherTab,
  provider.comeBackAfterASignOutElsewhere,
  provider.cancelAtTheProvider,
  provider.signUpWithoutAnAddress,
  provider.lookAtProviders,
  provider.restoreADeactivatedAccount,
];

const isPlayed = await play(world, scenes, process.argv.slice(2));
process.exit(isPlayed ? 0 : 1);
