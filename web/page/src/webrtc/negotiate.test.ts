import { expect, test } from 'vitest';
import { iceServersOf } from './negotiate';

test('the relays of a response are those that its links name', () => {
  const link =
    '<turn:relay.example.org:3478?transport=udp>; rel="ice-server"; username="1700000000:v"; credential="a+b/c="; credential-type="password", ' +
    '<stun:relay.example.org>; rel="ice-server", </p/x>; rel="urn:ietf:params:whep:ext"';
  expect(iceServersOf(link)).toEqual([
    { urls: 'turn:relay.example.org:3478?transport=udp', username: '1700000000:v', credential: 'a+b/c=' },
    { urls: 'stun:relay.example.org' },
  ]);
  expect(iceServersOf('')).toEqual([]);
});
