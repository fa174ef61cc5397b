import { plural } from '../format/numbers'
import { Panel } from '../ui/Panel'
import table from '../ui/Table.module.css'
import type { Difference } from './answers'
import styles from './Differences.module.css'

/** Settings of the topic that are not as configured, and what follows from each; nothing where there is none. */
export function Differences({ differences }: { differences: readonly Difference[] }) {
  if (differences.length === 0) return null
  return (
    <Panel
      title="Topic settings"
      meaning={
        <span className={styles.count}>
          {plural(differences.length, 'setting')} {differences.length === 1 ? 'is' : 'are'} not as configured
        </span>
      }
    >
      <div className={table.table}>
        <table className={styles.differences}>
          <thead>
            <tr>
              <th scope="col">Setting</th>
              <th scope="col" data-numeric>
                Topic
              </th>
              <th scope="col" data-numeric>
                Configured
              </th>
            </tr>
          </thead>
          {differences.map(({ name, is, wanted, meaning }) => (
            <tbody key={name}>
              <tr>
                <th scope="row">
                  <code>{name}</code>
                </th>
                <td data-numeric>{settingText(name, is)}</td>
                <td data-numeric>{settingText(name, wanted)}</td>
              </tr>
              <tr>
                <td colSpan={3} className={styles.meaning}>
                  {meaning}
                </td>
              </tr>
            </tbody>
          ))}
        </table>
      </div>
    </Panel>
  )
}

/** Milliseconds as people count them, where that is whole; every other value as it is. */
export function settingText(name: string, value: string): string {
  if (!name.endsWith('.ms') || !/^-?\d+$/.test(value)) return value
  const ms = Number(value)
  if (ms < 0) return 'without end'
  if (ms > 0 && ms % 86_400_000 === 0) return plural(ms / 86_400_000, 'day')
  if (ms > 0 && ms % 3_600_000 === 0) return plural(ms / 3_600_000, 'hour')
  return `${value} ms`
}
