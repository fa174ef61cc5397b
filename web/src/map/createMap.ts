// Makes a MapLibre map over our base style. Both pages with a map come in by this door.
import 'maplibre-gl/dist/maplibre-gl.css'
import { Map as MapLibre, setWorkerUrl, type GeoJSONSource, type MapOptions } from 'maplibre-gl'
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url'
import type { Theme } from '../prefs/preferences'
import { baseStyle, coastUrls, FINE_FROM_ZOOM, type BaseOptions } from './baseStyle'

setWorkerUrl(workerUrl)

export interface CreateMapOptions extends BaseOptions {
  container: HTMLElement
  /** Longitude, latitude. */
  center: [number, number]
  zoom: number
  options?: Partial<MapOptions>
}

/** `webdriver` browsers keep the drawing buffer, so that screenshots show the map. */
const screenshots = () => navigator.webdriver

/** A map whose style can be touched: MapLibre takes it up a frame later, and throws at whoever is quicker. */
export async function createMap({ container, center, zoom, options, ...base }: CreateMapOptions): Promise<MapLibre> {
  // Labels are drawn from the page's font; drawn before it is there they would keep the fallback's shapes.
  await Promise.all([
    document.fonts.load('500 12px "Inter Variable"'),
    document.fonts.load('600 12px "Inter Variable"'),
  ])
  const map = new MapLibre({
    container,
    style: baseStyle(base),
    center,
    zoom,
    minZoom: 0.6,
    maxZoom: 13,
    attributionControl: false,
    fadeDuration: 0,
    maxPitch: 60,
    canvasContextAttributes: { antialias: true, preserveDrawingBuffer: screenshots() },
    ...options,
  })
  refineWhenNear(map)
  await map.once('style.load')
  return map
}

/**
 * Calls `dress` now and each time the map has built its style anew, as after a lost graphics context. The answer says
 * whether there is a style to touch just now.
 */
export function keepDressed(map: MapLibre, dress: () => void): () => boolean {
  let styled = true
  map.on('webglcontextlost', () => (styled = false))
  map.on('style.load', () => {
    styled = true
    dress()
  })
  dress()
  return () => styled
}

/** Repaints the base map in place; a new style would fetch and build everything again. */
export function paintTheme(map: MapLibre, theme: Theme) {
  for (const layer of baseStyle({ theme }).layers) {
    for (const [name, value] of Object.entries(layer.paint ?? {})) {
      map.setPaintProperty(layer.id, name as 'line-color', value)
    }
  }
}

/** Fetches the fine coast the first time somebody is near enough to see the difference; until then the coarse one shows. */
function refineWhenNear(map: MapLibre) {
  const refine = () => {
    if (map.getZoom() <= FINE_FROM_ZOOM) return
    map.off('zoomend', refine)
    map.off('load', refine)
    for (const [name, url] of Object.entries(coastUrls(true))) {
      ;(map.getSource(name) as GeoJSONSource | undefined)?.setData(url)
    }
  }
  map.on('zoomend', refine)
  map.on('load', refine)
}
