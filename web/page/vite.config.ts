import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { precompress } from './build/precompress.ts';

const server = process.env['MOOCFLIX_SERVER'] ?? 'http://127.0.0.1:8080';
const testing = process.env['VITEST'] !== undefined;

export default defineConfig({
  plugins: [svelte(), precompress()],
  // Without this, tests would get Svelte's server build, where state doesn't react.
  resolve: testing ? { conditions: ['browser'] } : {},
  build: {
    target: 'es2022',
    // The content security policy forbids inline scripts and data: URLs, so nothing may be inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    // hls.js exceeds the usual limit; it is loaded when a lecture is opened.
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { '/api': server, '/p/': server, '/.well-known': server } },
  test: { environment: 'happy-dom', include: ['src/**/*.test.ts'] },
});
