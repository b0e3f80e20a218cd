import type { ReactNode } from 'react';
import { TextField } from '../components/TextField.js';

/** What is typed of a memory. */
export interface TypedMemory {
  readonly content: string;
  /** JSON, or nothing. */
  readonly metadata: string;
}

interface MemoryFieldsProps {
  readonly typed: TypedMemory;
  readonly onChange: (changed: Partial<TypedMemory>) => void;
  /** What is wrong with each, once somebody has tried to send it. */
  readonly faults: { readonly [Field in keyof TypedMemory]: string | undefined };
  readonly isReadOnly: boolean;
  readonly autoFocus?: boolean;
}

/** Where the text of a memory and its metadata are typed. */
export function MemoryFields(props: MemoryFieldsProps): ReactNode {
  const { typed, onChange, faults, isReadOnly, autoFocus } = props;
  return (
    <>
      <TextField
        label="Text"
        rows={8}
        value={typed.content}
        onChange={(content) => {
          onChange({ content });
        }}
        error={faults.content}
        isRequired
        isReadOnly={isReadOnly}
        autoFocus={autoFocus}
      />
      <TextField
        label="Metadata (JSON)"
        rows={5}
        monospaced
        value={typed.metadata}
        onChange={(metadata) => {
          onChange({ metadata });
        }}
        error={faults.metadata}
        isReadOnly={isReadOnly}
        placeholder={'{"kind": "preference"}'}
      />
    </>
  );
}
