const prefix = 'moocflix.draft.';

/**
 * Texts that were typed and not saved yet, for as long as the tab is open: they survive a reload, a lost sign-in and a
 * closed dialog.
 */
export const drafts = {
  read(key: string): Record<string, string> | null {
    const text = attempt(() => sessionStorage.getItem(prefix + key));
    return typeof text === 'string' ? ((attempt(() => JSON.parse(text)) as Record<string, string> | null) ?? null) : null;
  },
  write(key: string, values: Record<string, string>): void {
    attempt(() => sessionStorage.setItem(prefix + key, JSON.stringify(values)));
  },
  forget(key: string): void {
    attempt(() => sessionStorage.removeItem(prefix + key));
  },
  /** Forgets the drafts of everybody who used this tab. */
  clear(): void {
    attempt(() => {
      for (const key of Object.keys(sessionStorage)) if (key.startsWith(prefix)) sessionStorage.removeItem(key);
    });
  },
};

function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    // Storage may be forbidden or full; then there are no drafts.
    return null;
  }
}
