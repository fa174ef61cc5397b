import { CircleParking, Fan, Plane, Wind, type LucideIcon } from 'lucide-react'
import styles from './CategoryChips.module.css'
import { CATEGORIES, type Category } from './search'
import type { LiveModel } from './useLiveModel'

const CHIPS: Record<Category, { name: string; icon: LucideIcon }> = {
  airliner: { name: 'Airliners', icon: Plane },
  light: { name: 'Light', icon: Wind },
  rotor: { name: 'Rotor', icon: Fan },
  ground: { name: 'Ground', icon: CircleParking },
}

/** Kinds of aircraft, each on or off. */
export function CategoryChips({ model: { filter, set } }: { model: LiveModel }) {
  const toggle = (category: Category) => {
    const next = filter.categories.includes(category)
      ? filter.categories.filter(other => other !== category)
      : CATEGORIES.filter(other => other === category || filter.categories.includes(other))
    // Nothing at all would be an empty map for no reason: the last one switched off brings all back.
    set({ cat: next.length === 0 || next.length === CATEGORIES.length ? undefined : [...next] })
  }
  return (
    <div className={styles.chips} role="group" aria-label="Kinds of aircraft">
      {CATEGORIES.map(category => {
        const { name, icon: Icon } = CHIPS[category]
        return (
          <button
            key={category}
            type="button"
            aria-pressed={filter.categories.includes(category)}
            onClick={() => toggle(category)}
          >
            <Icon size={13} strokeWidth={1.9} aria-hidden />
            {name}
          </button>
        )
      })}
    </div>
  )
}
