import { expect, test } from 'vitest';
import { between, count } from './quality';

const report = (bytes: number, frames: number, remote: object = {}, limit = 'none') => [
  { type: 'outbound-rtp', kind: 'video', bytesSent: bytes, framesSent: frames, qualityLimitationReason: limit },
  { type: 'outbound-rtp', kind: 'video', bytesSent: bytes / 10, framesSent: frames - 1 },
  { type: 'outbound-rtp', kind: 'audio', bytesSent: 1000 },
  { type: 'remote-inbound-rtp', fractionLost: 0, roundTripTime: 0.02, ...remote },
];

test('the quality is what was sent between two counts, and how it arrived', () => {
  const before = count(report(1_000_000, 100), 0);
  const good = between(before, count(report(2_000_000, 150), 2000));
  expect([good.grade, good.bitrate, good.rate]).toEqual(['good', 4_400_000, 25]);
  expect(between(before, count(report(2_000_000, 150, {}, 'bandwidth'), 2000))).toMatchObject({ grade: 'fair', limit: 'bandwidth' });
  expect(between(before, count(report(2_000_000, 150, { fractionLost: 0.2 }), 2000)).grade).toBe('poor');
  expect(between(before, before).grade).toBe('poor');
});
