import { useEffect, useState, type ReactNode } from 'react';
import { Button } from '../components/Button.js';
import { SelectField } from '../components/SelectField.js';
import { TextField } from '../components/TextField.js';
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
  const [query, setQuery] = useState(restriction.query);
  const [agentId, setAgentId] = useState(restriction.agentId);
  useEffect(() => {
    setQuery(restriction.query);
    setAgentId(restriction.agentId);
  }, [restriction.query, restriction.agentId]);
  const isRestricted = restriction.query !== '' || restriction.agentId !== '';
  return (
    <form
      className="filters"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        onChange({ ...restriction, query: query.trim(), agentId: agentId.trim() });
      }}
    >
      <div className="filters-search">
        <TextField
          label="Search"
          type="search"
          value={query}
          onChange={setQuery}
          placeholder="Where does the user like to sit?"
          maxLength={100_000}
        />
        <Button type="submit">Search</Button>
        {isRestricted && (
          <Button
            kind="quiet"
            onPress={() => {
              onChange({ ...restriction, query: '', agentId: '' });
            }}
          >
            Show all
          </Button>
        )}
      </div>
      <div className="filters-row">
        <TextField label="Agent" value={agentId} onChange={setAgentId} placeholder="any" maxLength={256} />
        {restriction.query === '' ? (
          <SelectField
            label="Embedding"
            value={restriction.embeddingStatus}
            options={STATUSES}
            onChange={(embeddingStatus) => {
              onChange({ ...restriction, embeddingStatus });
            }}
          />
        ) : (
          <SelectField
            label="Found by"
            value={restriction.mode}
            options={MODES}
            onChange={(mode) => {
              onChange({ ...restriction, mode });
            }}
          />
        )}
      </div>
    </form>
  );
}
