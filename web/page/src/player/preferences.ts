const name = 'moocflix.player';

/** A viewer's settings for every lecture. */
export interface Preferences {
  volume: number;
  muted: boolean;
  speed: number;
}

const usual: Preferences = { volume: 1, muted: false, speed: 1 };

export function read(): Preferences {
  try {
    return { ...usual, ...(JSON.parse(localStorage.getItem(name) ?? '{}') as Partial<Preferences>) };
  } catch {
    return usual;
  }
}

export function write(preferences: Preferences): void {
  try {
    localStorage.setItem(name, JSON.stringify(preferences));
  } catch {
    // Storage may be forbidden; then the settings last as long as the page.
  }
}
