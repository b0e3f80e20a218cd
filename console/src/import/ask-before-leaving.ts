import type { ImportRun } from './import-run.js';

/** Has the browser ask before the page is left while an import is running, whichever view is open: it would end in the middle. */
export function askBeforeLeaving(run: ImportRun): void {
  const ask = (event: BeforeUnloadEvent): void => {
    event.preventDefault();
  };
  run.subscribe(() => {
    if (run.progress.state === 'running') window.addEventListener('beforeunload', ask);
    else window.removeEventListener('beforeunload', ask);
  });
}
