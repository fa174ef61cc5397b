import { ChevronRight } from 'lucide-react'
import { errorText } from '../api/errorText'
import { plural } from '../format/numbers'
import { Panel } from '../ui/Panel'
import table from '../ui/Table.module.css'
import { TableScroll } from '../ui/TableScroll'
import { Waiting } from '../ui/Waiting'
import type { RegistryStatus, SchemaVersion } from './answers'
import styles from './Schema.module.css'
import { useSchemaFields, useSetStreamSearch, useStreamSearch } from './useStream'

/** The versions of the topic's schema, newest first: what each added, and what of it the table does not keep. */
export function Schema({ registry }: { registry: RegistryStatus | undefined }) {
  return (
    <Panel
      title="Schema"
      meaning={
        registry && (
          <span title={registry.level ? `The next version must be ${registry.level} compatible` : undefined}>
            {[registry.subject, registry.level?.toLowerCase()].filter(Boolean).join(', ')}
          </span>
        )
      }
    >
      {!registry ? (
        <Waiting height={120} />
      ) : (
        <>
          {registry.versions.length === 0 && (
            <p className={table.none}>
              {registry.error ? 'Nothing is known of the versions yet.' : 'No version has been registered yet.'}
            </p>
          )}
          <ol className={styles.versions}>
            {registry.versions.toReversed().map(version => (
              <Version key={version.version} registry={registry} version={version} />
            ))}
          </ol>
          {registry.kind === 'http' && registry.url && (
            <p className={styles.where}>
              In the registry at <code>{registry.url}</code>
            </p>
          )}
        </>
      )}
    </Panel>
  )
}

function Version({ registry, version: row }: { registry: RegistryStatus; version: SchemaVersion }) {
  const search = useStreamSearch()
  const set = useSetStreamSearch()
  // Another registry cannot be asked from a page of this node.
  const readable = registry.kind === 'embedded'
  const open = readable && search.schema === row.version
  const name = (
    <>
      <b>Version {row.version}</b>
      <span>
        id {row.id}, {plural(row.fields, 'field')}
      </span>
      {row.ours && <em title="This node writes with it">written here</em>}
    </>
  )
  return (
    <li>
      {readable ? (
        <button
          type="button"
          className={styles.name}
          aria-expanded={open}
          onClick={() => set({ schema: open ? undefined : row.version })}
        >
          {name}
          <ChevronRight size={15} strokeWidth={1.75} aria-hidden />
        </button>
      ) : (
        <p className={styles.name}>{name}</p>
      )}
      <Changes title="Added" names={row.added} />
      <Changes title="Removed" names={row.removed} />
      <Changes title="Not in the table" names={row.not_in_table} tone="warn" />
      {open && <Fields registry={registry} version={row} />}
    </li>
  )
}

function Changes({ title, names, tone }: { title: string; names: readonly string[]; tone?: 'warn' }) {
  if (names.length === 0) return null
  return (
    <p className={styles.changes} data-tone={tone}>
      {title}{' '}
      {names.map(name => (
        <code key={name}>{name}</code>
      ))}
    </p>
  )
}

function Fields({ registry, version }: { registry: RegistryStatus; version: SchemaVersion }) {
  const { data, error, refetch } = useSchemaFields(registry, version.id)
  if (error) {
    return (
      <p className={styles.failed} role="alert">
        {errorText(error)} <button onClick={() => void refetch()}>Try again</button>
      </p>
    )
  }
  if (!data) return <Waiting height={120} />
  return (
    <TableScroll label="Fields of the version" className={styles.fields}>
      <table>
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Type</th>
          </tr>
        </thead>
        <tbody>
          {data.map(field => (
            <tr key={field.name} data-new={version.added.includes(field.name) || undefined}>
              <td>
                <code>{field.name}</code>
                <span>{field.doc}</span>
              </td>
              <td data-mono>{field.type}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}
