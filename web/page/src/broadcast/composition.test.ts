import { expect, test } from 'vitest';
import { boxOf, fit } from './composition';

test('a screen keeps its form, and has an even size that is not too large', () => {
  expect(fit(1280, 720)).toEqual({ width: 1280, height: 720 });
  expect(fit(3840, 2160)).toEqual({ width: 1920, height: 1080 });
  expect(fit(1081, 1921)).toEqual({ width: 608, height: 1080 });
});

test('the camera stands in its corner, wholly inside the picture', () => {
  const picture = { width: 1000, height: 600 };
  expect(boxOf('bottom-right', picture, 0.5)).toEqual({ x: 765, y: 475, width: 220, height: 110 });
  expect(boxOf('top-left', picture, 0.5)).toEqual({ x: 15, y: 15, width: 220, height: 110 });
});
