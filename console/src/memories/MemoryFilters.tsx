import type { ReactNode } from 'react';
import { Button } from '../components/Button.js';
import { SelectField } from '../components/SelectField.js';
import { TextField } from '../components/TextField.js';
import { useKept } from '../layout/useKept.js';
import type { Restriction } from './restriction.js';

interface MemoryFiltersProps {
  readonly restriction: Restriction;
  readonly onChange: (restriction: Restriction) => void;
}

const MODES = [
  { value: 'hybrid', label: 'words and vectors' },
  { value: 'lexical', label: 'words alone' },
  { value: 'semantic', label: 'vectors alone' },
] as const;

const STATUSES = [
  { value: '', label: 'any' },
  { value: 'ready', label: 'ready' },
  { value: 'pending', label: 'waiting' },
  { value: 'parked', label: 'given up' },
] as const;

/** Asks when it is sent, not at each letter: every search has its question embedded. */
export function MemoryFilters({ restriction, onChange }: MemoryFiltersProps): ReactNode {
  const { query, agentId } = restriction;
  const [typed, type, forget] = useKept('memories.typed', { query, agentId });
  const ask = (changed: Partial<Restriction> = {}): void => {
    onChange({ ...restriction, query: typed.query.trim(), agentId: typed.agentId.trim(), ...changed });
    forget();
  };
  const isRestricted = query !== '' || agentId !== '';
  return (
    <form
      className="filters"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        ask();
      }}
    >
      <div className="filters-search">
        <TextField
          label="Search"
          type="search"
          value={typed.query}
          onChange={(query) => {
            type({ ...typed, query });
          }}
          placeholder="Where does the user like to sit?"
          maxLength={100_000}
        />
        <Button type="submit">Search</Button>
        {isRestricted && (
          <Button
            kind="quiet"
            onPress={() => {
              ask({ query: '', agentId: '' });
            }}
          >
            Show all
          </Button>
        )}
      </div>
      <div className="filters-row">
        <TextField
          label="Agent"
          value={typed.agentId}
          onChange={(agentId) => {
            type({ ...typed, agentId });
          }}
          placeholder="any"
          maxLength={256}
        />
        {query === '' ? (
          <SelectField
            label="Embedding"
            value={restriction.embeddingStatus}
            options={STATUSES}
            onChange={(embeddingStatus) => {
              // Of the list alone: a search that was not sent stays where it is typed.
              onChange({ ...restriction, agentId: typed.agentId.trim(), embeddingStatus });
            }}
          />
        ) : (
          <SelectField
            label="Found by"
            value={restriction.mode}
            options={MODES}
            onChange={(mode) => {
              ask({ mode });
            }}
          />
        )}
      </div>
    </form>
  );
}
