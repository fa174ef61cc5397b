// Everything that the Live page does with the map, outside React: layers, picking, selection ring, follow, repainting
// only as often as something can move. The page tells it what is the case; it tells the page what happened.
import type { Map as MapLibre, MapMouseEvent, PaddingOptions } from 'maplibre-gl'
import { createMap, keepDressed, paintTheme } from '../map/createMap'
import type { Theme } from '../prefs/preferences'
import { findRow, icaoNumber, icaoText, isEmergency, type Frame } from '../sky/codec'
import { skyNow } from '../sky/clock'
import { ageAt, MAX_AGE, positionAt, wrapLongitude, type Position } from '../sky/motion'
import { withoutOverlaps } from './layers/glyphs'
import { LabelLayer, type Label } from './layers/LabelLayer'
import { NightLayer } from './layers/NightLayer'
import { SkyLayer } from './layers/SkyLayer'
import { iconSize, repaintInterval } from './layers/zoomRules'
import type { Layer } from './search'
import type { TrailDrawing } from './trails'
import { region, type View } from './view'

export interface LiveMapOptions {
  container: HTMLElement
  /** Ring and flag around the selected aircraft; the only HTML that moves with the map. */
  target: HTMLElement
  theme: Theme
  globe: boolean
  hidden: readonly Layer[]
  center?: [lat: number, lon: number]
  zoom?: number
  padding: PaddingOptions
  reducedMotion: boolean
  onView: (view: View, byHand: boolean) => void
  onPick: (icao24: string | null) => void
  onHover: (row: number, x: number, y: number) => void
  onGrab: () => void
  /** The graphics context is gone (true) or back (false). */
  onLost: (lost: boolean) => void
}

const NEAR_PIXELS = 12
const NEAR_PIXELS_TOUCH = 22
const EASE_MS = 400
const HORIZON_METRES = 8_600_000
const PULSE_MS = 100
const REDUCED_MS = 1000
const FLAG_ROOM = 120
const LABELS_FROM_ZOOM = 7.2
const MOST_LABELS = 250
/** Half of an icon's body, CSS pixels; a callsign never covers another aircraft. */
const ICON_CORE = 4
/** While following, the map moves all the time. */
const LABELS_PAUSE_MS = 200

export class LiveMap {
  private readonly sky = new SkyLayer(skyNow)
  private readonly night = new NightLayer(skyNow)
  private readonly callsigns = new LabelLayer(skyNow)
  private nameOf: (icao24: number) => string | null = () => null
  private frame: Frame | null = null
  private shown: Uint8Array<ArrayBuffer> = new Uint8Array()
  private selected: number | null = null
  private following = false
  private followAfter = 0
  private labelsPlaced = 0
  private emergencies = false
  private placed: boolean
  private theme: Theme
  private globe: boolean
  private hidden: readonly Layer[]
  private readonly styled: () => boolean
  private timer: ReturnType<typeof setTimeout> | undefined
  private hoverRequest = 0
  private readonly at: Position = { lat: 0, lon: 0 }

  static async create(options: LiveMapOptions): Promise<LiveMap> {
    const fallback = defaultView(options.container, options.padding)
    const center = options.center ?? fallback.center
    const map = await createMap({
      container: options.container,
      theme: options.theme,
      globe: options.globe,
      labels: !options.hidden.includes('labels'),
      airports: !options.hidden.includes('airports'),
      center: [center[1], center[0]],
      zoom: options.zoom ?? fallback.zoom,
    })
    return new LiveMap(map, options)
  }

  private constructor(
    readonly map: MapLibre,
    private readonly options: LiveMapOptions,
  ) {
    this.placed = options.center !== undefined || options.zoom !== undefined
    this.theme = options.theme
    this.globe = options.globe
    this.hidden = options.hidden
    map.setPadding(options.padding)
    if (options.center) map.jumpTo({ center: [options.center[1], options.center[0]] })
    this.sky.pulsing = !options.reducedMotion
    this.styled = keepDressed(map, this.dress)
    map.getCanvas().setAttribute('aria-label', 'Map of aircraft. The list holds the same aircraft as text.')
    map.keyboard.disableRotation()
    map.on('render', this.placeTarget)
    map.on('moveend', this.reportView)
    map.on('load', this.reportView)
    map.on('resize', this.reportView)
    map.on('click', this.pick)
    map.on('mousemove', this.hover)
    map.on('mouseout', this.unhover)
    map.on('dragstart', options.onGrab)
    map.on('webglcontextlost', () => options.onLost(true))
    map.on('webglcontextrestored', () => options.onLost(false))
    this.schedule()
  }

  remove() {
    clearTimeout(this.timer)
    cancelAnimationFrame(this.hoverRequest)
    this.map.remove()
  }

  private readonly dress = () => {
    const { map } = this
    if (!map.getLayer(this.night.id)) map.addLayer(this.night, 'airports')
    if (!map.getLayer(this.sky.id)) map.addLayer(this.sky, 'airport-labels')
    if (!map.getLayer(this.callsigns.id)) map.addLayer(this.callsigns)
    this.dressTheme()
    this.dressHidden()
    this.dressGlobe()
  }

  setFrame(frame: Frame | null, shown: Uint8Array<ArrayBuffer>) {
    this.frame = frame
    this.shown = shown
    this.emergencies = frame !== null && frame.flags.some((_, row) => isEmergency(frame, row))
    this.sky.setFrame(frame, shown)
    this.updateSelectedRow()
    if (frame && !this.placed) this.placeFirst(frame)
    this.placeLabels()
    this.reportView()
  }

  setShown(shown: Uint8Array<ArrayBuffer>) {
    this.shown = shown
    this.sky.setShown(shown)
    this.placeLabels()
  }

  /** How aircraft are called; again when that has changed. */
  setNames(nameOf: (icao24: number) => string | null) {
    this.nameOf = nameOf
    this.placeLabels()
  }

  /** Callsigns that fit beside their aircraft without covering one another, those near the middle first. */
  private placeLabels() {
    this.labelsPlaced = performance.now()
    const { frame, map } = this
    if (!frame || map.getZoom() < LABELS_FROM_ZOOM) return this.callsigns.setLabels(null, [])
    const now = skyNow()
    const bounds = map.getBounds()
    const { clientWidth: width, clientHeight: height } = map.getContainer()
    const shift = iconSize(map.getZoom()) / 2
    const candidates: { label: Label; x: number; y: number }[] = []
    for (let row = 0; row < frame.n; row++) {
      if (this.shown[row] === 0 || row === this.sky.selected || ageAt(frame, row, now) > MAX_AGE) continue
      positionAt(frame, row, now, this.at)
      if (!bounds.contains([this.at.lon, this.at.lat])) continue
      const text = this.nameOf(frame.icao24[row])
      if (!text) continue
      const point = map.project([this.at.lon, this.at.lat])
      candidates.push({ label: { row, text, alpha: this.sky.selected >= 0 ? 0.55 : 0.95 }, x: point.x, y: point.y })
    }
    const fromMiddle = ({ x, y }: { x: number; y: number }) => (x - width / 2) ** 2 + (y - height / 2) ** 2
    candidates.sort((a, b) => fromMiddle(a) - fromMiddle(b))
    const icons = candidates.map(({ x, y }) => ({
      left: x - ICON_CORE,
      right: x + ICON_CORE,
      top: y - ICON_CORE,
      bottom: y + ICON_CORE,
    }))
    const boxes = candidates.slice(0, 3 * MOST_LABELS).map(({ label, x, y }) => ({
      left: x + shift + 2,
      right: x + shift + 6 + label.text.length * 7.6,
      top: y - 8,
      bottom: y + 8,
    }))
    const kept = withoutOverlaps(boxes, icons).slice(0, MOST_LABELS)
    this.callsigns.setLabels(
      frame,
      kept.map(i => candidates[i].label),
    )
  }

  setTrails({ pieces, selectedFrom }: TrailDrawing) {
    this.sky.setTrails(pieces, selectedFrom)
  }

  /** A sky that is a region (an own receiver) is shown as a whole, unless the address says where to look. */
  private placeFirst(frame: Frame) {
    this.placed = true
    const box = region(frame)
    if (box) this.map.fitBounds([box.west, box.south, box.east, box.north], { animate: false, padding: 40 })
  }

  /** The view with which the page opens: the whole sky. */
  home() {
    const box = this.frame && region(this.frame)
    if (box) {
      this.map.fitBounds([box.west, box.south, box.east, box.north], { duration: this.easing(), padding: 40 })
      return
    }
    const { center, zoom } = defaultView(this.map.getContainer(), this.map.getPadding())
    this.map.easeTo({ center: [center[1], center[0]], zoom, bearing: 0, pitch: 0, duration: this.easing() })
  }

  setTheme(theme: Theme) {
    if (this.theme === theme) return
    this.theme = theme
    if (this.styled()) this.dressTheme()
  }

  private dressTheme() {
    this.night.theme = this.theme
    this.callsigns.theme = this.theme
    this.sky.setTheme(this.theme)
    paintTheme(this.map, this.theme)
  }

  setHidden(hidden: readonly Layer[]) {
    this.hidden = hidden
    if (this.styled()) this.dressHidden()
  }

  private dressHidden() {
    this.night.visible = !this.hidden.includes('night')
    for (const [layer, kind] of [
      ['country-labels', 'labels'],
      ['airports', 'airports'],
      ['airport-labels', 'airports'],
    ] as const) {
      this.map.setLayoutProperty(layer, 'visibility', this.hidden.includes(kind) ? 'none' : 'visible')
    }
    this.map.triggerRepaint()
  }

  setGlobe(globe: boolean) {
    if (this.globe === globe) return
    this.globe = globe
    if (this.styled()) this.dressGlobe()
    this.reportView()
  }

  private dressGlobe() {
    const type = this.globe ? 'globe' : 'mercator'
    if (this.map.getProjection()?.type !== type) this.map.setProjection({ type })
  }

  /** What panels cover. The map stays where it is on the screen; only its reckoned centre changes. */
  setPadding(padding: PaddingOptions) {
    const { clientWidth: width, clientHeight: height } = this.map.getContainer()
    const middle = (from = 0, size: number, to = 0) => from + (size - from - to) / 2
    const center = this.map.unproject([
      middle(padding.left, width, padding.right),
      middle(padding.top, height, padding.bottom),
    ])
    this.map.jumpTo({ center, padding })
  }

  setReducedMotion(reduced: boolean) {
    this.options.reducedMotion = reduced
    this.sky.pulsing = !reduced
  }

  select(icao24: string | null) {
    this.selected = icao24 === null ? null : icaoNumber(icao24)
    this.updateSelectedRow()
  }

  /** Marks a row of the list on the map. */
  hoverRow(row: number) {
    if (this.sky.hovered === row) return
    this.sky.hovered = row
    this.map.triggerRepaint()
  }

  private updateSelectedRow() {
    this.sky.selected = this.frame && this.selected !== null ? findRow(this.frame, this.selected) : -1
    this.sky.hovered = -1
    this.placeLabels()
    this.map.triggerRepaint()
  }

  private easing = () => (this.options.reducedMotion ? 0 : EASE_MS)

  zoom(step: 1 | -1) {
    this.map.easeTo({ zoom: this.map.getZoom() + step, duration: this.easing() })
  }

  /** Brings the selected aircraft to the middle of what is free of panels, near enough to tell it apart. */
  center(least = 0) {
    if (!this.frame || this.sky.selected < 0) return
    positionAt(this.frame, this.sky.selected, skyNow(), this.at)
    this.map.easeTo({
      center: [this.at.lon, this.at.lat],
      zoom: Math.max(least, this.map.getZoom()),
      duration: this.easing(),
    })
  }

  /** Only moves the map when the selected aircraft is off the screen or under a panel. */
  reveal() {
    if (!this.frame || this.sky.selected < 0) return
    positionAt(this.frame, this.sky.selected, skyNow(), this.at)
    const point = this.map.project([this.at.lon, this.at.lat])
    const padding = this.map.getPadding()
    const { clientWidth, clientHeight } = this.map.getContainer()
    const free =
      point.x > (padding.left ?? 0) + 24 &&
      point.x < clientWidth - (padding.right ?? 0) - 24 &&
      point.y > (padding.top ?? 0) + 24 &&
      point.y < clientHeight - (padding.bottom ?? 0) - 24
    if (!free || this.occluded(this.at)) this.center()
  }

  fit(box: [west: number, south: number, east: number, north: number]) {
    this.map.fitBounds(box, { padding: 56, maxZoom: 10, duration: this.easing() })
  }

  follow(following: boolean) {
    this.following = following
    if (!following) return
    this.center(6)
    this.followAfter = performance.now() + this.easing()
  }

  /** The map is painted as often as anything can move by a quarter of a pixel: jumps that small are smooth. */
  private keepFollowing() {
    if (!this.following || !this.frame || this.sky.selected < 0) return
    if (performance.now() < this.followAfter || this.map.isZooming()) return
    positionAt(this.frame, this.sky.selected, skyNow(), this.at)
    this.map.jumpTo({ center: [this.at.lon, this.at.lat] })
  }

  private schedule() {
    const own = this.options.reducedMotion ? REDUCED_MS : repaintInterval(this.map.getZoom())
    const wait = this.emergencies && this.sky.pulsing ? Math.min(own, PULSE_MS) : own
    this.timer = setTimeout(() => {
      if (!document.hidden && this.frame) {
        this.keepFollowing()
        this.map.triggerRepaint()
      }
      this.schedule()
    }, wait)
  }

  private readonly placeTarget = () => {
    const { target } = this.options
    const { frame } = this
    const row = this.sky.selected
    if (!frame || row < 0) {
      target.hidden = true
      return
    }
    positionAt(frame, row, skyNow(), this.at)
    const point = this.map.project([this.at.lon, this.at.lat])
    target.hidden = this.occluded(this.at)
    target.dataset.side = point.x > this.map.getContainer().clientWidth - FLAG_ROOM ? 'left' : 'right'
    target.style.transform = `translate(${point.x.toFixed(1)}px, ${point.y.toFixed(1)}px)`
  }

  /** Behind the globe: the point of the screen then belongs to another place. */
  private occluded({ lat, lon }: Position): boolean {
    if (!this.globe || this.map.getZoom() > 6) return false
    const back = this.map.unproject(this.map.project([lon, lat]))
    return Math.abs(back.lat - lat) > 2 || Math.abs(wrapLongitude(back.lng - lon)) > 6
  }

  private readonly reportView = (event?: { originalEvent?: unknown }) => {
    if (performance.now() - this.labelsPlaced > LABELS_PAUSE_MS) this.placeLabels()
    this.options.onView(this.view(), event?.originalEvent !== undefined)
  }

  view(): View {
    const { map } = this
    const center = map.getCenter()
    const globe = this.globe && map.getZoom() < 6
    const base = { lat: center.lat, lon: wrapLongitude(center.lng), zoom: map.getZoom() }
    if (globe) {
      return {
        ...base,
        west: -180,
        east: 180,
        south: -90,
        north: 90,
        horizon: HORIZON_METRES / Math.max(1, 2 ** (base.zoom - 2.4)),
      }
    }
    const padding = map.getPadding()
    const { clientWidth: width, clientHeight: height } = map.getContainer()
    if (map.getBearing() !== 0 || map.getPitch() !== 0) {
      const bounds = map.getBounds()
      return {
        ...base,
        west: bounds.getWest(),
        east: bounds.getEast(),
        south: bounds.getSouth(),
        north: bounds.getNorth(),
        horizon: null,
      }
    }
    const topLeft = map.unproject([padding.left ?? 0, padding.top ?? 0])
    const bottomRight = map.unproject([width - (padding.right ?? 0), height - (padding.bottom ?? 0)])
    return {
      ...base,
      west: topLeft.lng,
      east: bottomRight.lng,
      south: bottomRight.lat,
      north: topLeft.lat,
      horizon: null,
    }
  }

  /** The shown aircraft nearest to a point of the canvas, moved along its track like on the screen; or −1. */
  rowAt(x: number, y: number, within: number): number {
    const { frame, map } = this
    if (!frame) return -1
    const here = map.unproject([x, y])
    const beside = map.unproject([x + within, y])
    const cosine = Math.cos((here.lat * Math.PI) / 180)
    let best = (wrapLongitude(beside.lng - here.lng) * cosine) ** 2
    let found = -1
    const now = skyNow()
    for (let row = 0; row < frame.n; row++) {
      if (this.shown[row] === 0 && row !== this.sky.selected) continue
      positionAt(frame, row, now, this.at)
      const dLat = this.at.lat - here.lat
      const square = dLat * dLat
      if (square > best) continue
      const dLon = wrapLongitude(this.at.lon - here.lng) * cosine
      if (square + dLon * dLon < best) {
        best = square + dLon * dLon
        found = row
      }
    }
    return found
  }

  private readonly pick = (event: MapMouseEvent) => {
    const touch =
      (event.originalEvent as PointerEvent).pointerType === 'touch' || matchMedia('(pointer: coarse)').matches
    const row = this.rowAt(event.point.x, event.point.y, touch ? NEAR_PIXELS_TOUCH : NEAR_PIXELS)
    this.options.onPick(row >= 0 && this.frame ? icaoText(this.frame.icao24[row]) : null)
  }

  private readonly hover = (event: MapMouseEvent) => {
    cancelAnimationFrame(this.hoverRequest)
    this.hoverRequest = requestAnimationFrame(() => {
      const { x, y } = event.point
      const row = this.rowAt(x, y, NEAR_PIXELS)
      this.map.getCanvas().style.cursor = row >= 0 ? 'pointer' : ''
      this.hoverRow(row)
      this.options.onHover(row, x, y)
    })
  }

  private readonly unhover = () => {
    cancelAnimationFrame(this.hoverRequest)
    this.hoverRow(-1)
    this.options.onHover(-1, 0, 0)
  }
}

const CONTROLS_WIDTH = 60

/** Longitudes from California to New Zealand; the Pacific that is left over goes behind the list. */
const WORLD_WEST = -130
const WORLD_EAST = 178

/** The whole inhabited world in the free part of the map; on a phone Europe, since the world would be dust there. */
function defaultView(container: HTMLElement, padding: PaddingOptions): { center: [number, number]; zoom: number } {
  const { clientWidth: width, clientHeight: height } = container
  if (width <= 760) return { center: [46, 10], zoom: Math.max(2.4, Math.log2(height / 512) + 1.6) }
  const free = width - (padding.left ?? 0) - CONTROLS_WIDTH
  const world = (free * 360) / (WORLD_EAST - WORLD_WEST)
  const zoom = Math.max(Math.log2(world / 512), Math.log2(height / 512) + 0.1)
  return { center: [26, (WORLD_WEST + WORLD_EAST) / 2], zoom }
}
