import { Maximize, Minus, Plus } from 'lucide-react'
import { useEffect, useMemo, useRef, useState } from 'react'
import { formatNumber, plural } from '../format/numbers'
import { useTheme } from '../prefs/preferences'
import { useMediaQuery } from '../ui/useMediaQuery'
import frame from '../map/Map.module.css'
import styles from './DensityMap.module.css'
import type { ExploreMap, Hover, Scale } from './ExploreMap'
import { Figure } from './Figure'
import { LEAST_SHARE, sequentialGradient } from './sequential'
import { densityTable } from './tables'
import type { ExploreModel } from './useExplore'

/** Where the observations of the period are; the same filters as every figure. */
export function DensityMap({ model }: { model: ExploreModel }) {
  const { density } = model
  const answer = density.data ?? null
  const sentence = useMemo(() => {
    if (!answer) return ''
    const all = answer.cells.reduce((sum, [, , count]) => sum + count, 0)
    return all === 0
      ? 'Map of observations: none in what is chosen.'
      : `Map of ${plural(all, 'observation')} in ${plural(answer.cells.length, 'cell')} of ${answer.cell_deg} degrees.`
  }, [answer])
  return (
    <Figure
      model={model}
      name="map"
      title="Density"
      meaning="observations by place, log scale"
      sentence={sentence}
      table={answer ? () => densityTable(answer) : null}
      error={density.error instanceof Error ? density.error : null}
      onRetry={() => void density.refetch()}
    >
      <MapBox model={model} sentence={sentence} />
    </Figure>
  )
}

function MapBox({ model, sentence }: { model: ExploreModel; sentence: string }) {
  const { density, search, set } = model
  const theme = useTheme()
  const scrolling = useMediaQuery('(max-width: 1200px), (max-height: 800px)')
  const container = useRef<HTMLDivElement>(null)
  const [map, setMap] = useState<ExploreMap | null>(null)
  const [hover, setHover] = useState<Hover | null>(null)
  const [scale, setScale] = useState<Scale | null>(null)
  const [problem, setProblem] = useState<string | null>(null)

  useEffect(() => {
    if (!container.current) return
    let made: ExploreMap | null = null
    let ended = false
    const options = {
      container: container.current,
      theme,
      scrolling,
      center: search.c,
      zoom: search.z,
      onHover: setHover,
      onScale: setScale,
      onView: (lat: number, lon: number, zoom: number) =>
        set({ c: [Number(lat.toFixed(2)), Number(lon.toFixed(2))], z: Number(zoom.toFixed(2)) }, false),
      onLost: (lost: boolean) =>
        setProblem(lost ? 'The graphics card has dropped the map. It comes back by itself.' : null),
    }
    // The map's code is larger than the rest of the page; the other figures do not wait for it.
    import('./ExploreMap')
      .then(module => (ended ? null : module.ExploreMap.create(options)))
      .then(created => {
        if (ended || !created) return created?.remove()
        made = created
        setMap(created)
      })
      .catch((error: unknown) => {
        console.error(error)
        setProblem('The map needs WebGL 2, which this browser does not offer. The table works without it.')
      })
    return () => {
      ended = true
      made?.remove()
      setMap(null)
    }
    // Made once; everything that changes later is told to it below.
  }, [])

  useEffect(() => map?.setTheme(theme), [map, theme])
  useEffect(() => map?.setAnswer(density.data ?? null), [map, density.data])
  useEffect(() => map?.setScrolling(scrolling), [map, scrolling])
  useEffect(() => map?.setLabel(sentence), [map, sentence])

  const none = density.data?.cells.length === 0
  return (
    <div className={styles.box}>
      <div ref={container} className={frame.map} data-old={density.isPlaceholderData || undefined} />
      <div className={`${styles.controls} ${frame.stack}`}>
        <button type="button" aria-label="Zoom in" onClick={() => map?.zoomBy(1)}>
          <Plus size={16} strokeWidth={1.75} aria-hidden />
        </button>
        <button type="button" aria-label="Zoom out" onClick={() => map?.zoomBy(-1)}>
          <Minus size={16} strokeWidth={1.75} aria-hidden />
        </button>
        <button type="button" aria-label="Show all of it" title="Show all of it" onClick={() => map?.fit()}>
          <Maximize size={15} strokeWidth={1.75} aria-hidden />
        </button>
      </div>
      {scale && !none && (
        <div className={styles.legend} aria-hidden>
          <span>1</span>
          <i style={{ background: sequentialGradient(theme, LEAST_SHARE[theme]) }} />
          <span>{formatNumber(scale.most)}</span>
          <em>in {scale.degrees}° cells</em>
        </div>
      )}
      {hover && (
        <div
          className={styles.tip}
          style={{ transform: `translate(${hover.x}px, ${hover.y}px) ${flip(hover.x, container.current)}` }}
        >
          <b>{formatNumber(hover.count)}</b> {hover.count === 1 ? 'observation' : 'observations'}
          <span>
            {corner(hover.latitude, 'N', 'S')} {corner(hover.longitude, 'E', 'W')}
          </span>
        </div>
      )}
      {(problem || none) && <p className={styles.problem}>{problem ?? 'No observation in what is chosen.'}</p>}
    </div>
  )
}

const corner = (degrees: number, positive: string, negative: string) =>
  `${Number(Math.abs(degrees).toFixed(2))}° ${degrees < 0 ? negative : positive}`

/** Near the right edge the tip stands on the other side of the pointer. */
const flip = (x: number, box: HTMLElement | null) =>
  box && x > box.clientWidth - 170 ? 'translate(calc(-100% - 12px), 12px)' : 'translate(12px, 12px)'
