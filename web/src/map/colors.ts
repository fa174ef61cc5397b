// Colours of the base map, of the night and of what is drawn over it; MapLibre cannot read CSS custom properties.
import type { Theme } from '../prefs/preferences'

export interface MapColors {
  ocean: string
  space: string
  land: string
  coast: string
  glow: string
  border: string
  graticule: string
  label: string
  airport: string
  halo: string
  night: string
  nightAlpha: number
  ground: string
  emergency: string
  text: string
  textHalo: string
}

export const MAP_COLORS: Record<Theme, MapColors> = {
  dark: {
    ocean: '#070c16',
    space: '#03060c',
    land: '#131d30',
    coast: '#35517a',
    glow: '#1b3a66',
    border: '#2a3a56',
    graticule: '#152038',
    label: '#7688a9',
    airport: '#8ba0c4',
    halo: '#0b1220',
    night: '#000308',
    nightAlpha: 0.4,
    ground: '#76839a',
    emergency: '#ff6b6b',
    text: '#c9d6ee',
    textHalo: '#070c16',
  },
  light: {
    ocean: '#dbe5ef',
    space: '#c3d0de',
    land: '#f8f9fb',
    coast: '#a9bdd3',
    glow: '#c3d3e4',
    border: '#cfd8e3',
    graticule: '#cfdbe8',
    label: '#6a778a',
    airport: '#5d6b80',
    halo: '#f8f9fb',
    night: '#20406b',
    nightAlpha: 0.13,
    ground: '#6c798d',
    emergency: '#c62f2f',
    text: '#2b3a50',
    textHalo: '#f8f9fb',
  },
}
