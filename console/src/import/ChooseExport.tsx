import { type ReactNode } from 'react';
import { DropZone, FileTrigger, Text } from 'react-aria-components';
import { Button } from '../components/Button.js';
import { Progress } from '../components/Busy.js';
import { TextField } from '../components/TextField.js';
import { NotTaken } from './NotTaken.js';
import { isUnderWay, type Reading } from './reading.js';

interface ChooseExportProps {
  readonly reading: Reading | undefined;
  readonly typed: string;
  readonly onType: (text: string) => void;
  readonly onRead: (name: string, file: Promise<Blob>, notTaken?: readonly string[]) => void;
  readonly onReadText: () => void;
}

/** A file by the button, by dropping it, or a text that is pasted. */
export function ChooseExport(props: ChooseExportProps): ReactNode {
  const { reading, typed, onType, onRead, onReadText } = props;
  const isReading = isUnderWay(reading);
  return (
    <div className="stack">
      <DropZone
        className="drop"
        aria-label="Drop an export here"
        // Not by `isDisabled`: the browser would leave the page and open the file.
        getDropOperation={(_, [allowed = 'cancel']) => (isReading ? 'cancel' : allowed)}
        onDrop={({ items }) => {
          const [file, ...others] = items.filter((item) => item.kind === 'file');
          if (file)
            onRead(
              file.name,
              file.getFile(),
              others.map(({ name }) => name),
            );
        }}
      >
        <Text slot="label" className="drop-label">
          Drop an export here
        </Text>
        <span className="muted small">
          JSON or JSONL, up to 300 MB. It is read in this page; nothing is sent before you have seen it.
        </span>
        <FileTrigger
          acceptedFileTypes={['.json', '.jsonl', '.ndjson', '.txt', 'application/json']}
          onSelect={(files) => {
            const file = files?.[0];
            if (file) onRead(file.name, Promise.resolve(file));
          }}
        >
          <Button kind="primary" isDisabled={isReading}>
            Choose a file
          </Button>
        </FileTrigger>
      </DropZone>
      {reading && isReading && (
        <Progress
          label={`Reading ${reading.name}, in percent`}
          value={Math.round(reading.part * 100)}
          max={100}
        />
      )}
      {reading?.fault !== undefined && (
        <div className="problem" role="alert">
          <p className="problem-title">{reading.name} cannot be imported</p>
          <p>{reading.fault}</p>
        </div>
      )}
      {reading && <NotTaken names={reading.notTaken} />}
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          onReadText();
        }}
      >
        <TextField
          label="Or paste it"
          description='A list of messages, {"messages": […]}, or one such conversation a line.'
          rows={7}
          value={typed}
          onChange={onType}
          monospaced
          spellCheck="false"
        />
        <div className="actions">
          <Button type="submit" isDisabled={typed.trim() === '' || isReading}>
            Read this text
          </Button>
        </div>
      </form>
    </div>
  );
}
