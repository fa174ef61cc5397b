// What the page asks: the stream every two seconds, dead letters when their count changes, a schema when it is opened.
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback } from 'react'
import { getJson, getSchema, postJson } from '../api/client'
import type {
  DeadLetterFilter,
  DeadLettersAnswer,
  DeadLettersDone,
  DeadLetterStatus,
  RegistryStatus,
  StreamAnswer,
} from './answers'
import { schemaFields, type Action } from './figures'
import { remember } from './history'
import type { StreamSearch } from './search'

const POLL_MS = 2000
/** As many letters as the page lists, and counts reasons of. */
export const MOST_LETTERS = 200

export const useStreamSearch = () => useSearch({ from: '/stream' })

/** Changes a part of the address. `push` makes a step that the back button undoes. */
export function useSetStreamSearch() {
  const navigate = useNavigate({ from: '/stream' })
  return useCallback(
    (change: Partial<StreamSearch>, push = true) =>
      void navigate({
        to: '/stream',
        search: current => ({ ...current, ...change }),
        replace: !push,
        resetScroll: false,
      }),
    [navigate],
  )
}

/** Asked while the page is visible; an error does not stop it, the next question is the retry. */
export const useStreamAnswer = () =>
  useQuery({
    queryKey: ['/stream'],
    queryFn: async ({ signal }) => {
      const answer = await getJson<StreamAnswer>('/stream', {}, signal)
      remember(answer, performance.now() / 1000)
      return answer
    },
    refetchInterval: POLL_MS,
    staleTime: 0,
    retry: false,
  })

export function useDeadLetters(status: DeadLetterStatus, filter: { reason?: string; replayed?: true }) {
  const { rows, replayed, last_at } = status
  return useQuery({
    queryKey: ['/stream/dead-letters', filter.reason ?? '', filter.replayed ?? false, rows, replayed, last_at],
    queryFn: ({ signal }) =>
      getJson<DeadLettersAnswer>('/stream/dead-letters', { limit: MOST_LETTERS, ...filter }, signal),
    enabled: rows > 0,
    placeholderData: keepPreviousData,
  })
}

export function useLetterAction() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async ({ action, filter }: { action: Action; filter: DeadLetterFilter }) => ({
      action,
      done: await postJson<DeadLettersDone>(`/stream/dead-letters/${action}`, filter),
    }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['/stream/dead-letters'] })
      await client.invalidateQueries({ queryKey: ['/stream'], exact: true })
    },
  })
}

/** Fields of a version. Only the node's own registry can be asked from here; a schema never changes under its id. */
export const useSchemaFields = (registry: RegistryStatus, id: number | null) =>
  useQuery({
    queryKey: ['/registry/schemas/ids', id],
    queryFn: async ({ signal }) => {
      const fields = schemaFields(await getSchema(id ?? 0, signal))
      if (!fields) throw new Error('The registry has something else than a record under this id')
      return fields
    },
    enabled: id !== null && registry.kind === 'embedded',
    staleTime: Infinity,
  })
