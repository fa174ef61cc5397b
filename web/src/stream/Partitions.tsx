import { formatNumber, plural } from '../format/numbers'
import { Meter } from '../ui/Meter'
import { Panel } from '../ui/Panel'
import table from '../ui/Table.module.css'
import { TableScroll } from '../ui/TableScroll'
import { Waiting } from '../ui/Waiting'
import type { Partition, StreamAnswer } from './answers'
import { BEHIND_SECONDS, formatRate, lagScale, lostRows } from './figures'
import styles from './Partitions.module.css'

/** How far the log reaches, and how far of it has landed, by partition. */
export function Partitions({ answer }: { answer: StreamAnswer | undefined }) {
  const partitions = answer?.partitions ?? []
  const scale = lagScale(partitions)
  const writers = new Set(partitions.map(({ writer }) => writer).filter(Boolean))
  return (
    <Panel
      title="Partitions"
      meaning={
        answer &&
        partitions.length > 0 &&
        (writers.size === 0
          ? 'nothing has landed yet'
          : `${plural(partitions.length, 'partition')}, landed by ${plural(writers.size, 'process', 'processes')}`)
      }
    >
      {!answer ? (
        <Waiting height={180} />
      ) : partitions.length === 0 ? (
        <p className={table.none}>
          {answer.error ? 'Nothing is known of the topic yet.' : 'The topic has no partition.'}
        </p>
      ) : (
        <TableScroll label="Partitions, table">
          <table className={styles.partitions}>
            <thead>
              <tr>
                <th scope="col" data-numeric>
                  <abbr title="Partition">#</abbr>
                </th>
                <th scope="col" colSpan={2}>
                  Lag, messages
                </th>
                <th scope="col" data-numeric>
                  Rate, /s
                </th>
                <th scope="col" data-numeric className={styles.wide}>
                  Start
                </th>
                <th scope="col" data-numeric>
                  Landed
                </th>
                <th scope="col" data-numeric>
                  End
                </th>
                <th scope="col" className={styles.wide}>
                  Landed by
                </th>
              </tr>
            </thead>
            <tbody>
              {partitions.map(partition => (
                <Row key={partition.partition} partition={partition} scale={scale} />
              ))}
            </tbody>
          </table>
        </TableScroll>
      )}
    </Panel>
  )
}

function Row({ partition: row, scale }: { partition: Partition; scale: number }) {
  const lost = lostRows(row)
  const behind = row.appended_per_s > 0 && row.lag_rows / row.appended_per_s > BEHIND_SECONDS
  const tone = lost > 0 ? 'bad' : behind ? 'warn' : 'accent'
  return (
    <tr data-tone={tone}>
      <th scope="row" data-numeric>
        {row.partition}
      </th>
      <td className={styles.bar}>
        <Meter share={row.lag_rows / scale} tone={tone} />
      </td>
      <td data-numeric className={styles.lag}>
        {formatNumber(row.lag_rows)}
      </td>
      <td data-numeric>{formatRate(row.appended_per_s)}</td>
      <td data-numeric className={styles.wide}>
        {formatNumber(row.start)}
      </td>
      <td data-numeric className={styles.landed} title={lost > 0 ? `${plural(lost, 'message')} lost` : undefined}>
        {row.landed === null ? '–' : formatNumber(row.landed)}
      </td>
      <td data-numeric>{formatNumber(row.end)}</td>
      <td data-mono className={styles.wide} title={row.writer ?? undefined}>
        {row.writer ?? '–'}
      </td>
    </tr>
  )
}
