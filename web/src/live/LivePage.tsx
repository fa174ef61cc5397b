import { List } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { formatCount } from '../format/numbers'
import { findRow, icaoNumber, icaoText } from '../sky/codec'
import { nameOf } from '../sky/identity'
import frameStyles from '../map/Map.module.css'
import { usePhone } from '../ui/useMediaQuery'
import { Card } from './Card'
import { ListPanel } from './ListPanel'
import styles from './LivePage.module.css'
import { MapControls } from './MapControls'
import { Notice } from './Notice'
import { SearchBox } from './SearchBox'
import { Sheet } from './Sheet'
import { TimeBar } from './TimeBar'
import { Tip } from './Tip'
import { useTrack } from './useAircraft'
import { useLiveMap, type Padding } from './useLiveMap'
import { useLiveModel } from './useLiveModel'
import { useShortcuts } from './useShortcuts'
import { useTrails } from './useTrails'
import { currentFlight } from './trails'

const CARD_PEEK = 228
/** About what an open card covers of a phone. */
const CARD_OPEN_SHARE = 0.64
const LIST_PEEK = 360

/** The map is the page; everything else is a quiet panel on it. */
export function LivePage() {
  const phone = usePhone()
  const model = useLiveModel()
  const { frame, entries, search, set } = model
  const selected = search.sel ?? null
  const selectedRow = frame && selected ? findRow(frame, icaoNumber(selected)) : -1
  const [cursor, setCursor] = useState<string | null>(null)
  const [listOpen, setListOpen] = useState(false)
  const [cardOpen, setCardOpen] = useState(false)
  const container = useRef<HTMLDivElement>(null)
  const target = useRef<HTMLDivElement>(null)
  const input = useRef<HTMLInputElement>(null)

  const select = (icao24: string | null) => {
    setListOpen(false)
    if (icao24 !== selected) setCardOpen(false)
    if (icao24 === null) set({ sel: undefined, follow: undefined })
    else set({ sel: icao24, follow: undefined }, icao24 !== selected)
  }
  const padding = phone
    ? phonePadding(selected === null ? 'none' : cardOpen ? 'open' : 'peek')
    : desktopPadding(selected !== null)
  const { map, hover, problem } = useLiveMap(container, target, model, padding, select)
  useTrails(map, model)

  // A selected aircraft that is off the screen or under the card is brought into the free part of the map.
  useEffect(() => {
    if (selectedRow >= 0 && !search.follow) map?.reveal()
  }, [map, selected, selectedRow >= 0, cardOpen])

  const move = (step: 1 | -1) => {
    if (entries.length === 0) return
    const at = entries.findIndex(entry => icaoText(entry.icao24) === cursor)
    const next = entries[Math.min(entries.length - 1, Math.max(0, at + step))]
    setCursor(icaoText(next.icao24))
    map?.hoverRow(next.row)
  }
  const enter = () => {
    const icao24 = cursor ?? (entries[0] && icaoText(entries[0].icao24))
    if (icao24) select(icao24)
  }
  const follow = () => selectedRow >= 0 && set({ follow: search.follow ? undefined : true })
  const home = () => {
    set({ follow: undefined, c: undefined, z: undefined })
    map?.home()
  }
  useShortcuts({
    search: () => input.current?.focus(),
    move,
    enter,
    follow,
    escape: () => {
      if (document.activeElement === input.current) {
        input.current?.blur()
        if (!selected) set({ q: undefined })
      } else if (selected) select(null)
      else if (search.q) set({ q: undefined })
      else setCursor(null)
    },
    live: home,
    globe: () => set({ globe: search.globe ? undefined : true }),
  })

  const showWay = useWholeWay(selected, box => {
    set({ follow: undefined })
    map?.fit(box)
  })
  const searchBox = (
    <SearchBox
      value={search.q ?? ''}
      onChange={q => set({ q: q || undefined })}
      onEnter={enter}
      onArrow={move}
      input={input}
      {...(phone ? { onFilters: () => setListOpen(open => !open), filtering: model.filtering } : {})}
    />
  )
  const list = (
    <ListPanel
      model={model}
      selected={selected}
      cursor={cursor}
      onSelect={select}
      onHover={row => map?.hoverRow(row)}
    />
  )
  const card = selected && (
    <Card
      key={selected}
      icao24={selected}
      row={selectedRow}
      model={model}
      following={search.follow === true}
      onFollow={follow}
      onShowWay={showWay}
      onClose={() => select(null)}
    />
  )

  return (
    <div className={styles.page}>
      <h1 className="visually-hidden">Live sky</h1>
      <div ref={container} className={frameStyles.map} />
      <div ref={target} className={styles.target} hidden>
        <i />
        <span>{selected && nameOf(model.identities.get(icaoNumber(selected)), selected)}</span>
      </div>
      <Notice model={model} problem={problem} />
      <MapControls model={model} onZoom={step => map?.zoom(step)} onHome={home} />
      {phone ? (
        <>
          <div className={styles.searchBar}>{searchBox}</div>
          {!card && !listOpen && (
            <button type="button" className={styles.listButton} onClick={() => setListOpen(true)}>
              <List size={18} strokeWidth={1.75} aria-hidden />
              {formatCount(model.inView)}
              <span className="visually-hidden">aircraft in view: open the list</span>
            </button>
          )}
          {!card && !listOpen && (
            <div className={styles.time}>
              <TimeBar />
            </div>
          )}
          {listOpen && (
            <Sheet label="the list" peek={LIST_PEEK} onStop={() => undefined} onClose={() => setListOpen(false)}>
              <div className={styles.sheetList}>{list}</div>
            </Sheet>
          )}
          {card && !listOpen && (
            <Sheet label="the aircraft" peek={CARD_PEEK} onStop={setCardOpen} onClose={() => select(null)}>
              {card}
            </Sheet>
          )}
        </>
      ) : (
        <>
          <aside className={styles.list} aria-label="Aircraft">
            <div className={styles.listSearch}>{searchBox}</div>
            {list}
          </aside>
          {card && <div className={styles.cardPlace}>{card}</div>}
          <div className={styles.time}>
            <TimeBar />
          </div>
          <Tip {...hover} model={model} />
        </>
      )}
    </div>
  )
}

const desktopPadding = (card: boolean): Padding => ({ left: 348, right: card ? 404 : 60, top: 0, bottom: 84 })
const phonePadding = (card: 'none' | 'peek' | 'open'): Padding => ({
  left: 0,
  right: 0,
  top: 56,
  bottom: { none: 70, peek: CARD_PEEK, open: Math.round(innerHeight * CARD_OPEN_SHARE) }[card],
})

/** Shows the whole way of the current flight, when the lake knows it. */
function useWholeWay(
  selected: string | null,
  fit: (box: [number, number, number, number]) => void,
): (() => void) | null {
  const track = useTrack(selected)
  const flight = track.data ? currentFlight(track.data.columns) : null
  if (!flight || flight.t.length < 2) return null
  return () => {
    // Longitudes are unwrapped along the way, so that a flight over the Pacific is not shown around the world.
    const lons = [flight.lon[0]]
    for (const lon of flight.lon.slice(1)) {
      const before = lons[lons.length - 1]
      lons.push(lon - 360 * Math.round((lon - before) / 360))
    }
    fit([Math.min(...lons), Math.min(...flight.lat), Math.max(...lons), Math.max(...flight.lat)])
  }
}
