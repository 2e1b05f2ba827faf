const name = 'moocflix.signed-in';

/**
 * Remembers that this browser holds a sign-in cookie, which the page can't see. The marker is no secret and grants
 * nothing; it only spares a first visit a request that must fail.
 */
export const marker = {
  isSet: (): boolean => read() !== null,
  set: (): void => attempt(() => localStorage.setItem(name, '1')),
  clear: (): void => attempt(() => localStorage.removeItem(name)),
};

function read(): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // Storage may be forbidden; then each start asks the visitor to sign in.
  }
}
