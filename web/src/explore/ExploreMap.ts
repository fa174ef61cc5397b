// What the Explore page does with the map, outside React: density cells, theme, hovering, where it looks.
import type { Map as MapLibre, MapMouseEvent } from 'maplibre-gl'
import { createMap, keepDressed, paintTheme } from '../map/createMap'
import type { Theme } from '../prefs/preferences'
import type { DensityAnswer, DensityCell } from './answers'
import { DensityLayer, encodeCells } from './DensityLayer'
import { boxOf, logShare, mergeCells, mergeFactor } from './figures'
import { LEAST_SHARE, sequentialRgb } from './sequential'

export interface Hover {
  x: number
  y: number
  /** South-west corner. */
  latitude: number
  longitude: number
  count: number
}

export interface Scale {
  /** Side of the cells as they are drawn. */
  degrees: number
  most: number
}

export interface ExploreMapOptions {
  container: HTMLElement
  theme: Theme
  center?: [lat: number, lon: number]
  zoom?: number
  /** The page scrolls: one finger and the wheel belong to it, two fingers and Ctrl move the map. */
  scrolling: boolean
  onHover: (hover: Hover | null) => void
  onScale: (scale: Scale) => void
  onView: (lat: number, lon: number, zoom: number) => void
  onLost: (lost: boolean) => void
}

/** Below this the names of countries would cover what they name. */
const LABELS_FROM_ZOOM = 2.2
const EASE_MS = 400
const WORLD = { west: -168, south: -52, east: 178, north: 70 }

export class ExploreMap {
  private readonly layer = new DensityLayer()
  private answer: DensityAnswer | null = null
  private merged: { factor: number; byPlace: Map<number, number>; cells: DensityCell[] } | null = null
  private theme: Theme
  private placed: boolean
  private readonly styled: () => boolean

  static async create(options: ExploreMapOptions): Promise<ExploreMap> {
    const map = await createMap({
      container: options.container,
      theme: options.theme,
      airports: false,
      center: options.center ? [options.center[1], options.center[0]] : [5, 25],
      zoom: options.zoom ?? 0.4,
      options: {
        minZoom: 0,
        maxZoom: 10,
        dragRotate: false,
        pitchWithRotate: false,
        touchPitch: false,
        cooperativeGestures: options.scrolling,
      },
    })
    return new ExploreMap(map, options)
  }

  private constructor(
    readonly map: MapLibre,
    private readonly options: ExploreMapOptions,
  ) {
    this.theme = options.theme
    this.placed = options.center !== undefined || options.zoom !== undefined
    map.touchZoomRotate.disableRotation()
    map.keyboard.disableRotation()
    this.styled = keepDressed(map, this.dress)
    map.on('mousemove', this.hover)
    map.on('click', this.hover)
    map.on('mouseout', () => options.onHover(null))
    map.on('movestart', () => options.onHover(null))
    map.on('zoomend', () => this.draw())
    map.on('moveend', event => {
      if (!('originalEvent' in event) || !event.originalEvent) return
      const { lat, lng } = map.getCenter()
      options.onView(lat, lng, map.getZoom())
    })
    map.on('webglcontextlost', () => options.onLost(true))
    map.on('webglcontextrestored', () => options.onLost(false))
  }

  remove() {
    this.map.remove()
  }

  private readonly dress = () => {
    const { map, layer } = this
    map.setLayerZoomRange('country-labels', LABELS_FROM_ZOOM, 7.5)
    if (!map.getLayer(layer.id)) map.addLayer(layer, 'borders')
    paintTheme(map, this.theme)
  }

  setScrolling(scrolling: boolean) {
    if (scrolling) this.map.cooperativeGestures.enable()
    else this.map.cooperativeGestures.disable()
  }

  setLabel(sentence: string) {
    this.map.getCanvas().setAttribute('aria-label', sentence)
  }

  setTheme(theme: Theme) {
    if (theme === this.theme) return
    this.theme = theme
    if (this.styled()) paintTheme(this.map, theme)
    this.draw(true)
  }

  setAnswer(answer: DensityAnswer | null) {
    this.answer = answer
    this.merged = null
    if (answer && answer.cells.length > 0 && !this.placed) {
      this.placed = true
      this.fit(false)
    }
    this.draw(true)
  }

  zoomBy(steps: number) {
    this.map.easeTo(
      { zoom: this.map.getZoom() + steps, duration: this.easing() },
      { originalEvent: new Event('button') },
    )
  }

  /** All that there is, or the world. */
  fit(eased = true) {
    const box = (this.answer && boxOf(this.answer)) ?? WORLD
    const wide = box.east - box.west > 200
    const { west, south, east, north } = wide ? WORLD : box
    this.map.fitBounds(
      [
        [west, south],
        [east, north],
      ],
      { padding: wide ? 0 : 24, maxZoom: 8, duration: eased ? this.easing() : 0 },
      eased ? { originalEvent: new Event('button') } : undefined,
    )
  }

  private easing() {
    return matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : EASE_MS
  }

  private draw(anew = false) {
    const { answer } = this
    if (!answer) return this.layer.setCells({ count: 0, data: new ArrayBuffer(0) })
    const factor = mergeFactor(answer.cell_deg, this.map.getZoom())
    if (!anew && this.merged?.factor === factor) return
    if (this.merged?.factor !== factor) {
      const cells = mergeCells(answer.cells, factor)
      this.merged = {
        factor,
        cells,
        byPlace: new Map(cells.map(([row, column, count]) => [place(row, column), count])),
      }
    }
    const { cells } = this.merged
    const most = cells.reduce((top, [, , count]) => Math.max(top, count), 1)
    const degrees = answer.cell_deg * factor
    const least = LEAST_SHARE[this.theme]
    this.layer.setCells(
      encodeCells(cells, degrees, count => {
        const share = least + (1 - least) * logShare(count, most)
        return [...sequentialRgb(share, this.theme), 130 + Math.round(115 * share)]
      }),
    )
    this.options.onScale({ degrees, most })
  }

  private readonly hover = (event: MapMouseEvent) => {
    const { answer, merged } = this
    if (!answer || !merged) return
    const degrees = answer.cell_deg * merged.factor
    const longitude = ((((event.lngLat.lng + 180) % 360) + 360) % 360) - 180
    const row = Math.floor((event.lngLat.lat + 90) / degrees)
    const column = Math.floor((longitude + 180) / degrees)
    const count = merged.byPlace.get(place(row, column))
    this.options.onHover(
      count === undefined
        ? null
        : {
            x: event.point.x,
            y: event.point.y,
            latitude: row * degrees - 90,
            longitude: column * degrees - 180,
            count,
          },
    )
  }
}

const place = (row: number, column: number) => row * 10_000 + column
