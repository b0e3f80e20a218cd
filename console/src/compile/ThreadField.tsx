import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import {
  Button,
  ComboBox,
  FieldError,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  Text,
} from 'react-aria-components';
import { listSessions, type SessionSummary } from 'triptych-client';
import { useApi } from '../credential/SignedIn.js';
import { plural } from './sections.js';

const LISTED = 1_000;
const OFFERED = 50;

interface ThreadFieldProps {
  readonly value: string;
  readonly onChange: (threadId: string) => void;
  readonly error: string | undefined;
}

/** One of the threads by a part of its id, or an id as it is typed: also of a thread that does not exist yet. */
export function ThreadField({ value, onChange, error }: ThreadFieldProps): ReactNode {
  const api = useApi();
  const { data, isError, isPending } = useQuery({
    queryKey: ['threads-to-choose'],
    queryFn: ({ signal }) => api.run((client) => listSessions({ client, query: { limit: LISTED }, signal })),
  });
  const threads = data?.sessions ?? [];
  const isChosen = threads.some(({ threadId }) => threadId === value);
  const wanted = value.toLowerCase();
  const offered = (
    isChosen ? threads : threads.filter(({ threadId }) => threadId.toLowerCase().includes(wanted))
  ).slice(0, OFFERED);
  return (
    <ComboBox
      className="field"
      allowsCustomValue
      menuTrigger="input"
      // Opened by what is typed, never by what arrives: so that who types before the threads are there is offered them too.
      allowsEmptyCollection={isPending}
      items={offered}
      inputValue={value}
      onInputChange={onChange}
      onChange={(key) => {
        if (key !== null) onChange(String(key));
      }}
      isInvalid={error !== undefined}
      validationBehavior="aria"
    >
      <Label className="field-label">Thread</Label>
      <div className="combo">
        <Input className="field-input mono" placeholder="Search, or type an id" spellCheck="false" />
        <Button className="combo-button" aria-label="Show threads">
          <span aria-hidden="true">▾</span>
        </Button>
      </div>
      <Text slot="description" className="field-description">
        {isError
          ? 'The list of threads could not be read; an id can be typed.'
          : data?.nextCursor
            ? `The ${plural(LISTED, 'thread')} that changed last are offered; any id can be typed.`
            : 'Whose history is read. A thread that does not exist has none.'}
      </Text>
      <FieldError className="field-error">{error}</FieldError>
      <Popover className="combo-popover">
        <ListBox<SessionSummary>
          className="combo-list"
          renderEmptyState={() => <p className="combo-item muted">The threads are being read …</p>}
        >
          {({ threadId, messageCount }) => (
            <ListBoxItem id={threadId} textValue={threadId} className="combo-item">
              <span className="mono">{threadId}</span>
              <span className="muted small">{plural(messageCount, 'message')}</span>
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </ComboBox>
  );
}
