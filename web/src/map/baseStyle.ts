// The offline base map: Natural Earth from our own origin, labels drawn with the page's own font, two themes.
import type { Feature } from 'geojson'
import type { ExpressionSpecification, LayerSpecification, StyleSpecification } from 'maplibre-gl'
import type { Theme } from '../prefs/preferences'
import { MAP_COLORS } from './colors'

export interface BaseOptions {
  theme: Theme
  globe?: boolean
  /** Country names. */
  labels?: boolean
  airports?: boolean
}

/** Below this zoom the coarse coast is as good as the fine one, which is heavy. */
export const FINE_FROM_ZOOM = 6

// No `glyphs` in the style: MapLibre then draws text with fonts that the page has.
const FONT = ['Inter Variable', 'Inter', 'sans-serif']

const byZoom = (...stops: (number | ExpressionSpecification)[]): ExpressionSpecification =>
  ['interpolate', ['linear'], ['zoom'], ...stops] as unknown as ExpressionSpecification
const stepZoom = (...steps: unknown[]): ExpressionSpecification =>
  ['step', ['zoom'], ...steps] as unknown as ExpressionSpecification

const GRATICULE_STEP = 15

function graticule(): Feature {
  const lines: [number, number][][] = []
  for (let lon = -180; lon < 180; lon += GRATICULE_STEP) {
    const line: [number, number][] = []
    for (let lat = -84; lat <= 84; lat += 3) line.push([lon, lat])
    lines.push(line)
  }
  for (let lat = -75; lat <= 75; lat += GRATICULE_STEP) {
    const line: [number, number][] = []
    for (let lon = -180; lon <= 180; lon += 3) line.push([lon, lat])
    lines.push(line)
  }
  return { type: 'Feature', properties: {}, geometry: { type: 'MultiLineString', coordinates: lines } }
}

/** Addresses of the coast files. URLs, not objects: the worker then fetches and parses them. */
export function coastUrls(fine: boolean): Record<'land' | 'coast' | 'borders', string> {
  const resolution = fine ? '10m' : '50m'
  const url = (name: string) => `${location.origin}/base/${name}-${resolution}.json`
  return { land: url('land'), coast: url('coast'), borders: url('borders') }
}

export function baseStyle({ theme, globe = false, labels = true, airports = true }: BaseOptions): StyleSpecification {
  const urls = coastUrls(false)
  const url = (name: string) => `${location.origin}/base/${name}.json`
  return {
    version: 8,
    projection: { type: globe ? 'globe' : 'mercator' },
    sky: { 'atmosphere-blend': 0 },
    sources: {
      graticule: { type: 'geojson', data: graticule() },
      land: { type: 'geojson', data: urls.land, tolerance: 0.3, buffer: 32, maxzoom: 12 },
      coast: { type: 'geojson', data: urls.coast, tolerance: 0.3, buffer: 64, maxzoom: 12 },
      borders: { type: 'geojson', data: urls.borders, tolerance: 0.3, maxzoom: 12 },
      countries: { type: 'geojson', data: url('labels') },
      airports: { type: 'geojson', data: url('airports') },
    },
    layers: [...surfaceLayers(theme), ...airportLayers(theme, airports), ...labelLayers(theme, labels, airports)],
  }
}

function surfaceLayers(theme: Theme): LayerSpecification[] {
  const colors = MAP_COLORS[theme]
  const coastWidth = byZoom(1, 0.55, 6, 1.1)
  const glowWidth = byZoom(1, 6, 6, 22)
  return [
    { id: 'ocean', type: 'background', paint: { 'background-color': colors.ocean } },
    {
      id: 'graticule',
      type: 'line',
      source: 'graticule',
      paint: { 'line-color': colors.graticule, 'line-width': 0.7 },
    },
    {
      id: 'coast-glow',
      type: 'line',
      source: 'coast',
      paint: { 'line-color': colors.glow, 'line-width': glowWidth, 'line-blur': glowWidth, 'line-opacity': 0.55 },
    },
    { id: 'land', type: 'fill', source: 'land', paint: { 'fill-color': colors.land } },
    {
      id: 'borders',
      type: 'line',
      source: 'borders',
      paint: { 'line-color': colors.border, 'line-width': byZoom(1, 0.5, 6, 1.1) },
    },
    { id: 'coast', type: 'line', source: 'coast', paint: { 'line-color': colors.coast, 'line-width': coastWidth } },
  ]
}

const airportFilter = [
  '>=',
  ['get', 'rank'],
  ['step', ['zoom'], 9, 3.8, 5, 5, 4, 6, 3, 7, 0],
] as unknown as ExpressionSpecification

function airportLayers(theme: Theme, shown: boolean): LayerSpecification[] {
  const colors = MAP_COLORS[theme]
  return [
    {
      id: 'airports',
      type: 'circle',
      source: 'airports',
      minzoom: 3.8,
      filter: airportFilter,
      layout: { visibility: shown ? 'visible' : 'none' },
      paint: {
        'circle-radius': byZoom(4, 1.8, 7, 2.4, 10, 4),
        'circle-color': colors.land,
        'circle-stroke-color': colors.airport,
        'circle-stroke-width': 1.1,
        'circle-stroke-opacity': 0.8,
      },
    },
  ]
}

function labelLayers(theme: Theme, labels: boolean, airports: boolean): LayerSpecification[] {
  const colors = MAP_COLORS[theme]
  return [
    {
      id: 'country-labels',
      type: 'symbol',
      source: 'countries',
      maxzoom: 7.5,
      filter: ['>=', ['get', 'area'], stepZoom(60, 1.6, 32, 2.4, 14, 3, 5, 4, 0.8, 5, 0)],
      layout: {
        visibility: labels ? 'visible' : 'none',
        'text-field': ['upcase', ['get', 'name']],
        'text-font': FONT,
        'text-size': byZoom(1, 9, 5, 12.5),
        'text-letter-spacing': 0.16,
        'text-max-width': 7,
        'text-padding': 12,
        'symbol-sort-key': ['-', 0, ['get', 'area']],
      },
      paint: {
        'text-color': colors.label,
        'text-halo-color': colors.halo,
        'text-halo-width': 1.2,
        'text-opacity': byZoom(1, 0.6, 5, 0.85),
      },
    },
    {
      id: 'airport-labels',
      type: 'symbol',
      source: 'airports',
      minzoom: 4.2,
      filter: airportFilter,
      layout: {
        visibility: airports ? 'visible' : 'none',
        'text-field': stepZoom(['get', 'iata'], 6.5, ['concat', ['get', 'iata'], '  ', ['get', 'name']]),
        'text-font': FONT,
        'text-size': 10.5,
        'text-anchor': 'left',
        'text-offset': [0.7, 0],
        'text-max-width': 14,
        'text-padding': 4,
        'symbol-sort-key': ['-', 0, ['get', 'rank']],
      },
      paint: { 'text-color': colors.airport, 'text-halo-color': colors.halo, 'text-halo-width': 1.3 },
    },
  ]
}
