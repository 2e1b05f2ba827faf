import { expect, test } from 'vitest';
import { Cushion } from './cushion';

/** What a browser counts: requests for lost packets, and the seconds to the server and back. */
function counted(nackCount: number, currentRoundTripTime: number) {
  return [
    { type: 'inbound-rtp', nackCount },
    { type: 'candidate-pair', nominated: false, currentRoundTripTime: 9 },
    { type: 'candidate-pair', nominated: true, currentRoundTripTime },
    { type: 'transport' },
  ];
}

test('an even line has the delay that the browser chooses', () => {
  const cushion = new Cushion();
  for (const now of [0, 500, 60_000]) expect(cushion.look(counted(0, 0.2), now)).toBeNull();
});

test('where packets are lost, there is time to ask for them twice', () => {
  const cushion = new Cushion();
  expect(cushion.look(counted(3, 0.19), 500)).toBe(450);
  expect(cushion.look(counted(3, 0.19), 1000)).toBe(450);
});

test('the wait is neither too short nor too long, and only grows while packets are lost', () => {
  expect(new Cushion().look(counted(1, 0.001), 0)).toBe(100);
  const cushion = new Cushion();
  expect(cushion.look(counted(1, 5), 0)).toBe(1000);
  expect(cushion.look(counted(2, 0.01), 500)).toBe(1000);
});

test('half a minute after the last loss the browser chooses again', () => {
  const cushion = new Cushion();
  cushion.look(counted(1, 0.1), 0);
  cushion.look(counted(2, 0.1), 20_000);
  expect(cushion.look(counted(2, 0.1), 49_999)).toBe(300);
  expect(cushion.look(counted(2, 0.1), 50_000)).toBeNull();
  expect(cushion.look(counted(3, 0.02), 51_000)).toBe(100);
});
