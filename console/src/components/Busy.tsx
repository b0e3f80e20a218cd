import type { ReactNode } from 'react';
import { ProgressBar } from 'react-aria-components';

/** Something is being waited for. */
export function Busy({ label }: { readonly label: string }): ReactNode {
  return (
    <div className="busy">
      <ProgressBar isIndeterminate aria-label={label} className="spinner" />
      <span>{label}</span>
    </div>
  );
}

interface ProgressProps {
  readonly label: string;
  readonly value: number;
  readonly max: number;
}

/** How much of something is done, which takes a while. */
export function Progress({ label, value, max }: ProgressProps): ReactNode {
  return (
    <div className="progress">
      <span className="progress-label">
        {label} · {value.toLocaleString('en')} of {max.toLocaleString('en')}
      </span>
      <progress className="progress-bar" aria-label={label} value={value} max={max} />
    </div>
  );
}
