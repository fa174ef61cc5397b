import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { readExploreSearch } from './explore/search'
import { readLiveSearch } from './live/search'
import { parseSearch, stringifySearch } from './params'
import { NotFound } from './shell/NotFound'
import { PageError } from './shell/PageError'
import { Shell } from './shell/Shell'
import { readStreamSearch } from './stream/search'

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound, errorComponent: PageError })

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/live' })
  },
})

const live = createRoute({
  getParentRoute: () => root,
  path: '/live',
  validateSearch: readLiveSearch,
  component: lazyRouteComponent(() => import('./live/LivePage'), 'LivePage'),
})

const explore = createRoute({
  getParentRoute: () => root,
  path: '/explore',
  validateSearch: readExploreSearch,
  component: lazyRouteComponent(() => import('./explore/ExplorePage'), 'ExplorePage'),
})

const stream = createRoute({
  getParentRoute: () => root,
  path: '/stream',
  validateSearch: readStreamSearch,
  component: lazyRouteComponent(() => import('./stream/StreamPage'), 'StreamPage'),
})

export const router = createRouter({
  routeTree: root.addChildren([home, live, explore, stream]),
  parseSearch,
  stringifySearch,
  defaultPreload: 'intent',
  defaultErrorComponent: PageError,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
