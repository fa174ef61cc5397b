import styles from './Segmented.module.css'

export interface SegmentedProps<T extends string> {
  /** Id of the element that names the group. */
  label: string
  value: T | null
  onChange: (value: T) => void
  /** `also`: other values that this option stands for. */
  options: readonly { value: T; text: string; also?: readonly T[] }[]
}

/** A few exclusive choices side by side; radio buttons underneath, so arrow keys work. */
export function Segmented<T extends string>({ label, value, onChange, options }: SegmentedProps<T>) {
  return (
    <div role="radiogroup" aria-labelledby={label} className={styles.group}>
      {options.map(option => (
        <label key={option.value}>
          <input
            type="radio"
            name={label}
            className="visually-hidden"
            checked={value !== null && (option.value === value || (option.also?.includes(value) ?? false))}
            onChange={() => onChange(option.value)}
          />
          <span>{option.text}</span>
        </label>
      ))}
    </div>
  )
}
