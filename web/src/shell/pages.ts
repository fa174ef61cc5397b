// The pages that exist, in the order of the rail and of the phone's tab bar.
import { Activity, ChartColumn, Map as MapIcon, type LucideIcon } from 'lucide-react'

export interface Page {
  to: '/live' | '/explore' | '/stream'
  name: string
  icon: LucideIcon
}

export const PAGES: readonly Page[] = [
  { to: '/live', name: 'Live', icon: MapIcon },
  { to: '/explore', name: 'Explore', icon: ChartColumn },
  { to: '/stream', name: 'Stream', icon: Activity },
]
