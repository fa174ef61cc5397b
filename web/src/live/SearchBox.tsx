import { ListFilter, Search, X } from 'lucide-react'
import { useEffect, useState, type Ref } from 'react'
import styles from './SearchBox.module.css'

export interface SearchBoxProps {
  value: string
  onChange: (value: string) => void
  onEnter: () => void
  onArrow: (step: 1 | -1) => void
  input: Ref<HTMLInputElement>
  /** On a phone: opens the filters. */
  onFilters?: () => void
  filtering?: boolean
}

const PAUSE_MS = 120

/** Search words; applied after a short pause, since each change filters the whole sky. */
export function SearchBox({ value, onChange, onEnter, onArrow, input, onFilters, filtering }: SearchBoxProps) {
  const [text, setText] = useState(value)
  useEffect(() => setText(value), [value])
  useEffect(() => {
    if (text === value) return
    const timer = setTimeout(() => onChange(text), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [text])
  return (
    <div className={styles.search} role="search">
      <Search size={16} strokeWidth={1.75} aria-hidden />
      <input
        ref={input}
        value={text}
        onChange={event => setText(event.target.value)}
        onKeyDown={event => {
          if (event.key === 'Enter') onEnter()
          if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
            event.preventDefault()
            onArrow(event.key === 'ArrowDown' ? 1 : -1)
          }
        }}
        placeholder="Callsign, airline, type, ICAO24"
        aria-label="Search aircraft"
        autoComplete="off"
        spellCheck={false}
        enterKeyHint="search"
      />
      {text ? (
        <button
          type="button"
          aria-label="Clear the search"
          onClick={() => {
            setText('')
            onChange('')
          }}
        >
          <X size={14} strokeWidth={1.75} />
        </button>
      ) : (
        !onFilters && <kbd>/</kbd>
      )}
      {onFilters && (
        <button type="button" aria-label="Filters and list" onClick={onFilters} data-on={filtering || undefined}>
          <ListFilter size={18} strokeWidth={1.75} />
        </button>
      )}
    </div>
  )
}
