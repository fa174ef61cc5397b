// Browser tests. They run against the stand-in server over a synthetic sky, or against BASE_URL; with CONTRAIL_SERVER
// (a command that serves a real node on PORT) those few that only a node can pass. CHROMIUM names the browser.
import { defineConfig } from '@playwright/test'

const port = Number(process.env.PORT ?? 8472)
const given = process.env.BASE_URL
const command = process.env.CONTRAIL_SERVER

export default defineConfig({
  testDir: 'tests',
  ...(command ? { testMatch: 'node.spec.ts' } : { testIgnore: 'node.spec.ts' }),
  outputDir: 'test-results',
  workers: 1,
  // A machine that draws by software and does other things as well takes its time.
  timeout: command ? 400_000 : 240_000,
  expect: { timeout: 20_000 },
  reporter: [['list']],
  use: {
    baseURL: given ?? `http://127.0.0.1:${port}`,
    viewport: { width: 1280, height: 800 },
    colorScheme: 'dark',
    trace: 'off',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--use-gl=angle',
        '--use-angle=swiftshader',
        '--enable-unsafe-swiftshader',
        '--ignore-gpu-blocklist',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  ...(given
    ? {}
    : {
        webServer: {
          command: command ?? 'node dev/mock.mjs',
          env: { PORT: String(port), COUNT: '3000', INTERVAL: '5' },
          url: `http://127.0.0.1:${port}/api/v1/status`,
          timeout: 60_000,
          gracefulShutdown: { signal: 'SIGTERM', timeout: 20_000 },
          reuseExistingServer: false,
        },
      }),
})
