import type { ReactNode } from 'react';

const FORMAT = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

/** A moment of the service (ISO 8601), in the time zone of whoever reads it. */
export function Moment({ at }: { readonly at: string }): ReactNode {
  const date = new Date(at);
  const shown = Number.isNaN(date.getTime()) ? at : FORMAT.format(date);
  return (
    <time dateTime={at} title={at}>
      {shown}
    </time>
  );
}
