import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const api = process.env.CONTRAIL_API ?? 'http://127.0.0.1:8090'

export default defineConfig({
  plugins: [react()],
  // Small fonts and images stay files: a data: URL would need a wider content security policy.
  build: { target: 'es2022', assetsInlineLimit: 0, chunkSizeWarningLimit: 1300 },
  worker: { format: 'es' },
  server: { proxy: { '/api': { target: api }, '/registry': { target: api } } },
  test: { include: ['src/**/*.test.ts'], environment: 'node', css: { include: /tokens/ } },
})
