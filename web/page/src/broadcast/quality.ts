/** What the statistics of a publishing connection have counted so far. */
export interface Counts {
  /** Units: milliseconds */
  at: number;
  bytes: number;
  frames: number;
  /** The share of packets that were lost lately, 0 to 1. */
  loss: number;
  /** Units: seconds */
  roundTrip: number;
  /** Whether the browser lowers the quality, and why. */
  limit: 'none' | 'cpu' | 'bandwidth' | 'other';
}

export type Grade = 'good' | 'fair' | 'poor';

/** How well a lecture gets to the server. */
export interface Quality {
  grade: Grade;
  /** Units: bits per second */
  bitrate: number;
  /** Pictures per second. */
  rate: number;
  limit: Counts['limit'];
}

/** Reads the counts that matter from a connection's statistics. */
export function count(report: Iterable<Record<string, unknown>>, at: number): Counts {
  const counts: Counts = { at, bytes: 0, frames: 0, loss: 0, roundTrip: 0, limit: 'none' };
  const number = (value: unknown) => (typeof value === 'number' ? value : 0);
  for (const each of report) {
    if (each['type'] === 'outbound-rtp') {
      counts.bytes += number(each['bytesSent']);
      // Layers are pictures of the same moments.
      counts.frames = Math.max(counts.frames, number(each['framesSent']));
      const why = each['qualityLimitationReason'];
      if (why === 'cpu' || why === 'bandwidth' || why === 'other') counts.limit = why;
    }
    if (each['type'] === 'remote-inbound-rtp') {
      counts.loss = Math.max(counts.loss, number(each['fractionLost']));
      counts.roundTrip = Math.max(counts.roundTrip, number(each['roundTripTime']));
    }
  }
  return counts;
}

/** The quality between two counts. */
export function between(before: Counts, now: Counts): Quality {
  const seconds = Math.max(0.001, (now.at - before.at) / 1000);
  const bitrate = Math.max(0, ((now.bytes - before.bytes) * 8) / seconds);
  const rate = Math.max(0, (now.frames - before.frames) / seconds);
  return { grade: grade(now, bitrate), bitrate, rate, limit: now.limit };
}

function grade({ loss, roundTrip, limit }: Counts, bitrate: number): Grade {
  if (bitrate === 0 || loss > 0.1 || roundTrip > 0.8) return 'poor';
  return loss > 0.03 || roundTrip > 0.3 || limit === 'bandwidth' ? 'fair' : 'good';
}
