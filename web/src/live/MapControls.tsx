import { Globe, Home, Layers, Minus, Plus } from 'lucide-react'
import frame from '../map/Map.module.css'
import styles from './MapControls.module.css'
import { LAYERS, type Layer } from './search'
import type { LiveModel } from './useLiveModel'

const LAYER_NAMES: Record<Layer, string> = {
  trails: 'Trails',
  night: 'Night',
  airports: 'Airports',
  labels: 'Country names',
}
const LAYERS_ID = 'map-layers'

export interface MapControlsProps {
  model: LiveModel
  onZoom: (step: 1 | -1) => void
  onHome: () => void
}

export function MapControls({ model: { search, set }, onZoom, onHome }: MapControlsProps) {
  const hidden = search.hide ?? []
  const toggle = (layer: Layer) => {
    const next = hidden.includes(layer) ? hidden.filter(other => other !== layer) : [...hidden, layer]
    set({ hide: next.length > 0 ? next : undefined })
  }
  return (
    <div className={styles.controls}>
      <div className={`${frame.stack} ${styles.zoom}`}>
        <button type="button" aria-label="Zoom in" title="Zoom in" onClick={() => onZoom(1)}>
          <Plus size={17} strokeWidth={1.75} />
        </button>
        <button type="button" aria-label="Zoom out" title="Zoom out" onClick={() => onZoom(-1)}>
          <Minus size={17} strokeWidth={1.75} />
        </button>
      </div>
      <div className={frame.stack}>
        <button
          type="button"
          aria-label="Globe"
          title="Globe"
          aria-pressed={search.globe === true}
          onClick={() => set({ globe: search.globe ? undefined : true })}
        >
          <Globe size={17} strokeWidth={1.75} />
        </button>
        <button
          type="button"
          aria-label="Layers"
          title="Layers"
          popoverTarget={LAYERS_ID}
          className={styles.layersButton}
        >
          <Layers size={17} strokeWidth={1.75} />
        </button>
        <button type="button" aria-label="Whole sky" title="Whole sky" onClick={onHome}>
          <Home size={17} strokeWidth={1.75} />
        </button>
      </div>
      <fieldset id={LAYERS_ID} popover="auto" className={styles.layers}>
        <legend className="visually-hidden">Layers</legend>
        {LAYERS.map(layer => (
          <label key={layer}>
            <input type="checkbox" checked={!hidden.includes(layer)} onChange={() => toggle(layer)} />
            {LAYER_NAMES[layer]}
          </label>
        ))}
      </fieldset>
    </div>
  )
}
