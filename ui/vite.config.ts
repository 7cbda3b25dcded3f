import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// `npm run dev` serves the sources and asks a broker for the API: LEVERET_API=http://localhost:15672
const broker = process.env['LEVERET_API'] ?? 'http://127.0.0.1:15672';

export default defineConfig({
  base: './', // relative: any prefix of paths works
  plugins: [svelte()],
  resolve: process.env['VITEST'] ? { conditions: ['browser'] } : {},
  build: {
    outDir: '../src/leveret/management/ui',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000, // elk: fetched only by the topology page
  },
  server: {
    proxy: {
      '/api': {
        target: broker,
        configure: (proxy) => proxy.on('proxyReq', (request) => request.removeHeader('origin')),
      },
    },
  },
  test: { include: ['src/**/*.test.ts'] },
});
