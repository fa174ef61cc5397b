import panel from './Panel.module.css'

/** Holds the place of what has not come yet. */
export const Waiting = ({ height }: { height?: number }) => (
  <div className={panel.waiting} style={height ? { minHeight: height } : undefined} aria-hidden />
)
