/** An action of a key in the player. */
export type Act =
  | { do: 'toggle' | 'mute' | 'full' | 'help' }
  | { do: 'seek'; by: number }
  | { do: 'seekTo'; share: number }
  | { do: 'volume'; by: number }
  | { do: 'speed'; step: 1 | -1 };

const acts: Record<string, Act> = {
  ' ': { do: 'toggle' },
  k: { do: 'toggle' },
  m: { do: 'mute' },
  f: { do: 'full' },
  '?': { do: 'help' },
  j: { do: 'seek', by: -10 },
  l: { do: 'seek', by: 10 },
  ArrowLeft: { do: 'seek', by: -5 },
  ArrowRight: { do: 'seek', by: 5 },
  ArrowUp: { do: 'volume', by: 0.05 },
  ArrowDown: { do: 'volume', by: -0.05 },
  '<': { do: 'speed', step: -1 },
  '>': { do: 'speed', step: 1 },
};

/** The action of a key press; null if the focused control uses the key itself. */
export function actOf(event: KeyboardEvent): Act | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest('select, textarea, dialog')) return null;
  if (event.key === ' ' && target?.closest('button')) return null;
  const range = target?.closest('input[type="range"]');
  // A slider keeps the keys that move it.
  if (range && /^(Arrow|Home|End|Page)/.test(event.key)) return null;
  if (/^[0-9]$/.test(event.key)) return { do: 'seekTo', share: Number(event.key) / 10 };
  return acts[event.key.length === 1 ? event.key.toLowerCase() : event.key] ?? null;
}
