import { Download, Table2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { errorText } from '../api/errorText'
import button from '../ui/Button.module.css'
import { Panel } from '../ui/Panel'
import styles from '../ui/Panel.module.css'
import { TableScroll } from '../ui/TableScroll'
import { download, type Table } from './csv'
import type { FigureName } from './search'
import type { ExploreModel } from './useExplore'

const MOST_ROWS = 500

export interface FigureProps {
  model: ExploreModel
  name: FigureName
  title: string
  /** Unit or meaning, behind the title. */
  meaning: string
  /** The figure as one sentence. */
  sentence: string
  /** The same as rows; null until there is something. */
  table: (() => Table) | null
  /** In the header, before the buttons: what is under the pointer. */
  readout?: ReactNode
  error?: Error | null
  onRetry?: () => void
  children: ReactNode
}

/** A panel with a title, and everything that it shows also as a sentence, a table and a file. */
export function Figure(props: FigureProps) {
  const { model, name, title, meaning, sentence, table, readout, error, onRetry, children } = props
  const asTable = model.search.table?.includes(name) ?? false
  const toggle = () => {
    const others = (model.search.table ?? []).filter(other => other !== name)
    const next = asTable ? others : [...others, name]
    model.set({ table: next.length > 0 ? next : undefined }, false)
  }
  const shown = asTable && table ? table() : null
  return (
    <Panel
      title={title}
      meaning={readout ?? meaning}
      actions={
        <>
          {shown && (
            <button
              type="button"
              className={button.icon}
              aria-label={`${title}: save as CSV`}
              title="Save as CSV"
              onClick={() => save(name, shown)}
            >
              <Download size={15} strokeWidth={1.75} aria-hidden />
            </button>
          )}
          <button
            type="button"
            className={button.icon}
            aria-label={`${title}: show as table`}
            title="Table"
            aria-pressed={asTable}
            onClick={toggle}
          >
            <Table2 size={15} strokeWidth={1.75} aria-hidden />
          </button>
        </>
      }
    >
      {sentence !== '' && <span className="visually-hidden" role="img" aria-label={sentence} />}
      {error && !table ? (
        <div className={styles.failed} role="alert">
          <b>This figure could not be read</b>
          <p>{errorText(error)}</p>
          <button type="button" className={button.outlined} onClick={onRetry}>
            Try again
          </button>
        </div>
      ) : shown ? (
        <Rows table={shown} label={title} />
      ) : table ? (
        children
      ) : (
        <div className={styles.waiting} aria-hidden />
      )}
    </Panel>
  )
}

const save = (name: string, table: Table) => download(`contrail-${name}.csv`, table)

function Rows({ table: { columns, rows }, label }: { table: Table; label: string }) {
  return (
    <TableScroll label={`${label}, table`}>
      <table>
        <thead>
          <tr>
            {columns.map(column => (
              <th key={column.csv} scope="col" data-numeric={column.numeric || undefined}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, MOST_ROWS).map((row, i) => (
            <tr key={i}>
              {row.map((cell, k) => (
                <td
                  key={columns[k].csv}
                  data-numeric={columns[k].numeric || undefined}
                  data-mono={columns[k].mono || undefined}
                >
                  {columns[k].text(cell)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > MOST_ROWS && (
        <p>
          The first {MOST_ROWS} of {rows.length.toLocaleString('en-US')} rows; the file has them all.
        </p>
      )}
    </TableScroll>
  )
}
