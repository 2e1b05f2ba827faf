import { expect, test } from 'vitest';
import { betterHeight, sizesOf } from './better';

const size = (height: number) => ({ width: (height * 16) / 9, height });
const large = size(2000);

test('the pictures of a master playlist are read, audio is none', () => {
  const playlist = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Sound",URI="1/audio/media.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=400000,RESOLUTION=426x240,CODECS="avc1.640015,mp4a.40.2",AUDIO="audio"
1/240p/media.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=128000,CODECS="mp4a.40.2",AUDIO="audio"
1/audio/media.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=3000000,CODECS="avc1.64001f",FRAME-RATE=25.000,RESOLUTION=1280x720
1/720p/media.m3u8
`;
  expect(sizesOf(playlist)).toEqual([
    { width: 426, height: 240 },
    { width: 1280, height: 720 },
  ]);
});

test('a stream is opened again only for a taller picture that can be used', () => {
  const open = { sizes: [size(240), size(360)], current: size(360) };
  expect(betterHeight(open, [size(240), size(360), size(720)], large)).toBe(720);
  expect(betterHeight(open, [size(240), size(360)], large)).toBeNull();
  expect(betterHeight(open, [], large)).toBeNull();
  expect(betterHeight({ ...open, current: size(240) }, [size(720)], large), 'the line carries no more').toBeNull();
  expect(betterHeight({ ...open, current: null }, [size(720)], large)).toBeNull();
  expect(betterHeight(open, [size(720)], size(300)), 'the player shows no more').toBeNull();
  expect(betterHeight({ sizes: [], current: null }, [size(720)], large), 'only audio is open').toBeNull();
});
