// One place that talks to the server: base path, JSON, and problem documents turned into errors that people can read.
export const API = '/api/v1'

export class ApiError extends Error {
  override readonly name = 'ApiError'
  constructor(
    message: string,
    /** HTTP status, or 0 when the server could not be reached. */
    readonly status: number,
    readonly detail: string | null,
  ) {
    super(message)
  }
}

export type Query = Record<string, string | number | boolean | readonly (string | number)[] | null | undefined>

export function apiUrl(path: string, query: Query = {}): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === '') continue
    if (Array.isArray(value)) {
      if (value.length > 0) params.set(name, value.join(','))
    } else params.set(name, String(value))
  }
  const search = params.toString().replaceAll('%2C', ',').replaceAll('%3A', ':')
  return `${API}${path}${search ? `?${search}` : ''}`
}

async function request(url: string, options: RequestInit = {}): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, options)
  } catch (cause) {
    if (options.signal?.aborted) throw cause
    throw new ApiError('The server does not answer', 0, 'It may be starting or stopped.')
  }
  if (response.ok) return response
  const problem = await response.json().catch(() => null)
  throw new ApiError(
    problem?.title ?? problem?.message ?? `The server answered ${response.status}`,
    response.status,
    typeof problem?.detail === 'string' ? problem.detail : null,
  )
}

export async function getJson<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return (await request(apiUrl(path, query), { signal })).json() as Promise<T>
}

export async function postJson<T>(path: string, body: unknown): Promise<T> {
  const options = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return (await request(apiUrl(path), options)).json() as Promise<T>
}

/** The text of a registered schema, from the node's own registry, which speaks Confluent's API. */
export async function getSchema(id: number, signal?: AbortSignal): Promise<string> {
  const answer = await (await request(`/registry/schemas/ids/${id}`, { signal })).json()
  return String(answer.schema)
}

/** A binary resource by its full path, as announced by the server. */
export async function getBytes(url: string, signal?: AbortSignal): Promise<ArrayBuffer> {
  return (await request(url, { signal })).arrayBuffer()
}
