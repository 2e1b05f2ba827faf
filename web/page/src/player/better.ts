/** A size in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** The pictures that a master playlist lists. */
export function sizesOf(playlist: string): Size[] {
  const sizes = playlist.matchAll(/^#EXT-X-STREAM-INF:.*\bRESOLUTION=(\d+)x(\d+)/gm);
  return [...sizes].map(([, width, height]) => ({ width: Number(width), height: Number(height) }));
}

/** The open stream: the pictures to choose from, and the one that is loaded now. */
export interface Open {
  sizes: Size[];
  current: Size | null;
}

/**
 * The height that reopening the stream would gain; null if it gains nothing: no taller picture is listed, the
 * connection is too slow for the present one already, or the player is too small to show more.
 */
export function betterHeight(open: Open, offered: Size[], player: Size): number | null {
  const top = tallestOf(open.sizes);
  const best = tallestOf(offered);
  if (top === null || best === null || best.height <= top.height) return null;
  if (open.current === null || open.current.height < top.height) return null;
  return top.width < player.width && top.height < player.height ? best.height : null;
}

function tallestOf(sizes: Size[]): Size | null {
  return sizes.reduce<Size | null>((best, size) => (best === null || size.height > best.height ? size : best), null);
}
