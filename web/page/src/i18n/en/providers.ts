/** Texts of signing in with another provider. */
export const providers = {
  'providers.or': 'or',
  'providers.continue': 'Continue with {label}',
  'providers.unnamed': 'The provider',
  'providers.restore': 'Restore my account',

  'providers.problem.sign_in_cancelled': 'The sign-in was cancelled. Nothing has changed.',
  'providers.problem.sign_in_expired': 'The sign-in took too long, or it was started in another browser or at another address of this site. Please try again.',
  'providers.problem.provider_unavailable': '{provider} can’t be reached right now. Please try again in a few minutes.',
  'providers.problem.provider_failed': '{provider} couldn’t sign you in. If this happens again, contact an administrator of this site.',
  'providers.problem.unavailable': 'The server can’t sign you in right now. Please try again in a few minutes.',
  'providers.problem.unexpected': 'The sign-in didn’t work. Please try again.',
  'providers.notKept': 'The sign-in didn’t work, because your browser didn’t keep its cookie. Allow cookies for this site, and try again.',

  'providers.confirmText': 'You signed in more than ten minutes ago. Sign in again with your provider to continue. It opens in a new tab.',
  'providers.expiredText': 'Sign in with your provider to continue where you were. It opens in a new tab, and nothing that you typed is lost.',
  'providers.opened': 'Complete the sign-in in the new tab. This page then continues by itself.',
  'providers.none': 'This site offers no other provider at the moment. Ask an administrator.',
  'providers.againTitle': 'You are signed in again',
  'providers.againText': 'Close this tab, and continue in the one that you came from.',
  'providers.notAgainTitle': 'You were not signed in again',
  'providers.notAgainText': 'Close this tab, and try again in the one that you came from.',
} as const;
