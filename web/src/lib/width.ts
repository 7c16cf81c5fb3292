/** For an element: tells how wide it is, in px, now and whenever that changes. */
export function onWidth(tell: (px: number) => void): (element: HTMLElement) => () => void {
  return (element) => {
    const observer = new ResizeObserver(([entry]) => {
      if (entry) tell(entry.contentRect.width)
    })
    observer.observe(element)
    return () => observer.disconnect()
  }
}
