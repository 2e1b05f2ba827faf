import type { PlayerState } from './player.svelte';

/** Describes the lecture to the system, so that its media keys and lock screen work; returns a function that ends it. */
export function announceMedia(player: PlayerState, title: string, onnext: (() => void) | null): () => void {
  const media = navigator.mediaSession as MediaSession | undefined;
  if (media === undefined) return () => undefined;
  media.metadata = new MediaMetadata({ title });
  const jump = (by: number) => player.seek(player.at + by);
  const acts: [MediaSessionAction, MediaSessionActionHandler | null][] = [
    ['play', () => player.toggle()],
    ['pause', () => player.toggle()],
    ['seekbackward', (details) => jump(-(details.seekOffset ?? 10))],
    ['seekforward', (details) => jump(details.seekOffset ?? 10)],
    ['seekto', (details) => player.seek(details.seekTime ?? 0)],
    ['nexttrack', onnext],
  ];
  for (const [name, act] of acts) media.setActionHandler(name, act);
  return () => {
    media.metadata = null;
    for (const [name] of acts) media.setActionHandler(name, null);
  };
}
