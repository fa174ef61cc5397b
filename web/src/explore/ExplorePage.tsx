// The Explore page: one period, its figures, and filters that every figure sets for all the others.
import { errorText } from '../api/errorText'
import { EmptyPage } from '../ui/EmptyPage'
import { AltitudeBands } from './AltitudeBands'
import { Bars } from './Bars'
import { DensityMap } from './DensityMap'
import { NothingMatches, Stale } from './States'
import { ExploreHeader } from './ExploreHeader'
import styles from './ExplorePage.module.css'
import { Kpis } from './Kpis'
import { SeriesFigure } from './SeriesFigure'
import { useExplore } from './useExplore'
import { WeekHeat } from './WeekHeat'

export function ExplorePage() {
  const model = useExplore()
  const { figures, range, covered } = model
  const failed = range.error && !range.data ? range : figures.error && !figures.data ? figures : null
  const empty = range.data !== undefined && covered === null
  return (
    <div className={styles.page}>
      <div className={styles.inner} aria-busy={figures.isFetching}>
        <ExploreHeader model={model} />
        {failed ? (
          <EmptyPage
            alert
            title="The figures could not be read"
            text={errorText(failed.error)}
            action="Try again"
            onAction={() => void failed.refetch()}
          />
        ) : empty ? (
          <EmptyPage
            title="No data yet"
            text="The first hour appears here as soon as it has landed in the lake. The live map shows what is in the sky now."
          />
        ) : (
          <>
            <Stale model={model} />
            <Kpis model={model} />
            <NothingMatches model={model} />
            <div className={styles.figures} data-old={figures.isPlaceholderData || undefined}>
              <SeriesFigure model={model} />
              <DensityMap model={model} />
              <Bars model={model} dimension="country" />
              <Bars model={model} dimension="airline" />
              <AltitudeBands model={model} />
              <WeekHeat model={model} />
            </div>
          </>
        )}
      </div>
    </div>
  )
}
