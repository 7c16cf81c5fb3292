import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'

// The gateway that `npm run dev` talks to; another one: PLANTGATE_DEV_GATEWAY=http://host:port npm run dev
const gateway = process.env.PLANTGATE_DEV_GATEWAY ?? 'http://127.0.0.1:8088'

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: '../src/plantgate/listeners/web/static',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    // One sheet: the pages share most of it, and none of them ever stands there without.
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    target: 'es2022',
  },
  server: {
    proxy: {
      '/api/v1/stream': { target: gateway, ws: true },
      '/api': { target: gateway },
      '/openapi.json': { target: gateway },
    },
  },
  ...(process.env.VITEST ? { resolve: { conditions: ['browser'] } } : {}),
  test: { include: ['tests/**/*.test.ts'], environment: './tests/environment.ts' },
})
