/** Longer than a screen reader needs to notice that a region changed, in milliseconds. */
const NOTICED_AFTER = 100;

/**
 * Has a screen reader say something that is seen without being read: how many results there are, that
 * something was saved. `LiveRegion` has to be on the page.
 */
export function announce(text: string): void {
  const region = document.getElementById('announcements');
  if (!region) return;
  // The same text twice is said twice only if the region was empty between.
  region.textContent = '';
  setTimeout(() => {
    region.textContent = text;
  }, NOTICED_AFTER);
}
