/** An action of a key in the player. */
export type Act =
  | { do: 'toggle' | 'mute' | 'full' | 'help' | 'next' | 'previous' }
  | { do: 'seek'; by: number }
  | { do: 'seekTo'; share: number }
  | { do: 'volume'; by: number }
  | { do: 'speed'; step: 1 | -1 };

const acts: Record<string, Act> = {
  ' ': { do: 'toggle' },
  k: { do: 'toggle' },
  m: { do: 'mute' },
  f: { do: 'full' },
  n: { do: 'next' },
  p: { do: 'previous' },
  '?': { do: 'help' },
  j: { do: 'seek', by: -10 },
  l: { do: 'seek', by: 10 },
  ArrowLeft: { do: 'seek', by: -5 },
  ArrowRight: { do: 'seek', by: 5 },
  '<': { do: 'speed', step: -1 },
  '>': { do: 'speed', step: 1 },
};
/** Keys that scroll the page unless the player has the focus. */
const inside: Record<string, Act> = {
  ArrowUp: { do: 'volume', by: 0.05 },
  ArrowDown: { do: 'volume', by: -0.05 },
};

/** The action of a key press on a page with a player; null if the focused control, or the page, uses the key itself. */
export function actOf(event: KeyboardEvent, player: Element): Act | null {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return null;
  const target = event.target instanceof Element ? event.target : null;
  const isInside = target !== null && player.contains(target);
  const taken = isInside ? 'select, textarea, dialog' : 'input, select, textarea, button, a, summary, dialog, [contenteditable]';
  if (target?.closest(taken)) return null;
  if (event.key === ' ' && target?.closest('button')) return null;
  const range = target?.closest('input[type="range"]');
  // A slider keeps the keys that move it.
  if (range && /^(Arrow|Home|End|Page)/.test(event.key)) return null;
  if (/^[0-9]$/.test(event.key)) return { do: 'seekTo', share: Number(event.key) / 10 };
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return acts[key] ?? (isInside ? (inside[key] ?? null) : null);
}
