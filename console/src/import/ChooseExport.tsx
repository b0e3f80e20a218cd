import { type ReactNode } from 'react';
import { DropZone, FileTrigger, Text } from 'react-aria-components';
import { Button } from '../components/Button.js';
import { Progress } from '../components/Busy.js';
import { TextField } from '../components/TextField.js';

/** More is likely to be something else, and would not fit into the memory of a page. */
const MOST_BYTES = 300 * 1024 * 1024;

interface ChooseExportProps {
  readonly reading: { readonly name: string; readonly part: number } | undefined;
  readonly fault: { readonly name: string; readonly message: string } | undefined;
  readonly typed: string;
  readonly onType: (text: string) => void;
  readonly onRead: (file: Blob, name: string) => void;
}

/** A file by the button, by dropping it, or a text that is pasted. */
export function ChooseExport({ reading, fault, typed, onType, onRead }: ChooseExportProps): ReactNode {
  const choose = (file: File | undefined): void => {
    if (file) onRead(file.size > MOST_BYTES ? new Blob([]) : file, file.name);
  };
  return (
    <div className="stack">
      <DropZone
        className="drop"
        aria-label="Drop an export here"
        onDrop={({ items }) => {
          const file = items.find((item) => item.kind === 'file');
          if (file) void file.getFile().then(choose);
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
            choose(files?.[0]);
          }}
        >
          <Button kind="primary" isDisabled={reading !== undefined}>
            Choose a file
          </Button>
        </FileTrigger>
      </DropZone>
      {reading && (
        <Progress
          label={`Reading ${reading.name}, in percent`}
          value={Math.round(reading.part * 100)}
          max={100}
        />
      )}
      {fault && (
        <div className="problem" role="alert">
          <p className="problem-title">{fault.name} cannot be imported</p>
          <p>{fault.message}</p>
        </div>
      )}
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          onRead(new Blob([typed]), 'The pasted text');
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
          <Button type="submit" isDisabled={typed.trim() === '' || reading !== undefined}>
            Read this text
          </Button>
        </div>
      </form>
    </div>
  );
}
