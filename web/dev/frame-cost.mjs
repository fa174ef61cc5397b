// What a frame of the Live page costs on the main thread: CPU time of the tasks that make a frame (animation callbacks,
// style, layout, paint, commit), from a trace of Chromium, and beside them the longest of the other tasks (timers,
// answers of the server). The GPU process, which on a machine without a graphics card draws in software, is not in it;
// it lets few frames through, though, so that each finds caches and compiled code colder than at 60 Hz.
//
//   npm run build && node dev/frame-cost.mjs        COUNT=15000 SECONDS=20 CHROMIUM=/usr/bin/chromium
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { chromium } from '@playwright/test'

const { COUNT = '15000', SECONDS = '20', PORT = '8479', CHROMIUM = '/usr/bin/chromium' } = process.env
const GOAL_MS = 4
const WARM_UP_MS = 15_000
const VIEWS = [
  ['the whole sky', ''],
  ['a region, callsigns', '?c=50,8.5&z=7.5'],
  ['near, one followed', '?c=50,8.5&z=10', true],
]
const CATEGORIES = ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline']

const server = spawn('node', [fileURLToPath(new URL('mock.mjs', import.meta.url))], {
  env: { ...process.env, PORT, COUNT, INTERVAL: '10' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
await once(server.stdout, 'data')
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: [
    '--no-sandbox',
    '--use-gl=angle',
    '--use-angle=swiftshader',
    '--enable-unsafe-swiftshader',
    '--ignore-gpu-blocklist',
  ],
})
try {
  console.log(`${COUNT} aircraft, ${SECONDS} s each, main thread, ms of CPU a frame (goal: under ${GOAL_MS})`)
  for (const [name, search, follow] of VIEWS) {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    await page.goto(`http://127.0.0.1:${PORT}/live${search}`)
    await page.getByRole('listbox', { name: 'Aircraft in view' }).getByRole('option').nth(1).click({ trial: !follow })
    if (follow) await page.keyboard.press('f')
    await page.waitForTimeout(WARM_UP_MS)
    report(name, await trace(page))
    await page.close()
  }
} finally {
  await browser.close()
  server.kill()
}

async function trace(page) {
  const session = await page.context().newCDPSession(page)
  const events = []
  session.on('Tracing.dataCollected', ({ value }) => events.push(...value))
  const complete = new Promise(resolve => session.once('Tracing.tracingComplete', resolve))
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: CATEGORIES, excludedCategories: ['*'] },
  })
  await page.waitForTimeout(Number(SECONDS) * 1000)
  await session.send('Tracing.end')
  await complete
  return events
}

/** The main thread that has animation frames is the page's. */
function report(name, events) {
  const animated = events.find(event => event.name === 'FireAnimationFrame')
  const own = events
    .filter(event => event.pid === animated?.pid && event.tid === animated?.tid)
    .sort((a, b) => a.ts - b.ts)
  const ends = own.filter(event => event.name === 'BeginCommitCompositorFrame').map(event => event.ts)
  // Tasks follow one another; what is nested in one has its time already.
  const tasks = outermost(own.filter(event => event.ph === 'X' && event.tdur > 0))
  const frames = []
  const others = []
  let at = 0
  for (const { ts, dur, tdur } of tasks) {
    while (ends[at] < ts) at += 1
    if (ends[at] <= ts + dur) frames.push(tdur / 1000)
    else others.push(tdur / 1000)
  }
  const sorted = frames.toSorted((a, b) => a - b)
  const share = part => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(2)
  const over = limit => frames.filter(cost => cost > limit).length
  const total = tasks.reduce((sum, { tdur }) => sum + tdur, 0) / 1e6
  const longest = Math.max(...others)
  console.log(
    `${name}: ${frames.length} frames, median ${share(0.5)}, p95 ${share(0.95)}, max ${share(1)}; ` +
      `over the goal ${over(GOAL_MS)}, dropped at 60 Hz ${over(1000 / 60)}; ` +
      `longest other task ${longest.toFixed(1)} ms; ${((100 * total) / Number(SECONDS)).toFixed(1)} % of a core`,
  )
  if (process.env.WHAT) console.log(costliest(own))
}

function outermost(events) {
  let end = -Infinity
  return events.filter(({ ts, dur }) => {
    if (ts < end) return false
    end = ts + dur
    return true
  })
}

/** What the time goes into, nested pieces counted in each of their parents too. */
function costliest(events) {
  const sums = new Map()
  for (const { name, tdur } of events) if (tdur > 0) sums.set(name, (sums.get(name) ?? 0) + tdur / 1000)
  return [...sums]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 25)
    .map(([name, ms]) => `  ${ms.toFixed(1).padStart(8)} ms  ${name}`)
    .join('\n')
}
