import button from '../ui/Button.module.css'
import type { LiveModel } from './useLiveModel'

export function ClearFilter({ model }: { model: LiveModel }) {
  return (
    <button
      type="button"
      className={button.outlined}
      onClick={() => model.set({ q: undefined, cat: undefined, alt: undefined })}
    >
      Clear the filter
    </button>
  )
}
