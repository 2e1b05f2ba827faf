import type { HlsConfig } from 'hls.js';

/** How hls.js plays a lecture from a position. */
export function settings(position: number): Partial<HlsConfig> {
  return {
    // Segments are fragmented MP4, which hls.js passes on unchanged: a worker would take time to start and gain nothing.
    enableWorker: false,
    // A lecture that is still being encoded looks like a live stream; it still starts at its beginning, and it does not
    // end where the encoded part ends.
    startPosition: position,
    liveDurationInfinity: true,
    // Enough for a weak connection, without loading the whole lecture for a short visit.
    maxBufferLength: 30,
    maxMaxBufferLength: 60,
    backBufferLength: 90,
    capLevelToPlayerSize: true,
  };
}
