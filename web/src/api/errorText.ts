import { ApiError } from './client'

/** What went wrong, as sentences. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return 'The server gave no answer.'
  const detail = error instanceof ApiError ? error.detail : null
  return [error.message, detail]
    .filter(Boolean)
    .map(text => `${text}`.replace(/\.?$/, '.'))
    .join(' ')
}
