// Two clocks that the server sets: its wall clock (when is the next fetch) and the sky's (how old is a position).
// They differ when a recording is replayed. Between events both run on with the browser's monotonic clock.
const monotonic = () => performance.now() / 1000

let serverAt = { time: Date.now() / 1000, mark: monotonic() }
let skyAt: { time: number; mark: number } | null = null

export function setClocks(serverTime: string, skyTime: string) {
  const mark = monotonic()
  const server = Date.parse(serverTime) / 1000
  const sky = Date.parse(skyTime) / 1000
  if (Number.isFinite(server)) serverAt = { time: server, mark }
  if (Number.isFinite(sky)) skyAt = { time: sky, mark }
}

/** Seconds since the epoch on the server's clock. */
export const serverNow = () => serverAt.time + monotonic() - serverAt.mark

/** Seconds since the epoch in the sky that is shown. */
export const skyNow = () => (skyAt ? skyAt.time + monotonic() - skyAt.mark : serverNow())
