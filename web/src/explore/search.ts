import type { RawSearch } from '../params'

export interface ExploreSearch {
  from?: string
  to?: string
}

export const readExploreSearch = (_raw: RawSearch): ExploreSearch => ({})
