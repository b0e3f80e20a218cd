import { useState, type ReactNode } from 'react';
import { ToggleButton, ToggleButtonGroup } from 'react-aria-components';
import { Button } from '../components/Button.js';
import { ItemRow } from './ItemRow.js';
import { decisionCounts, itemGroups, type DecisionFilter, type ItemGroup } from './receipt-items.js';
import { count, plural } from './sections.js';
import { useDroppedTexts } from './useDroppedTexts.js';
import type { CompileRun } from './working-context.js';

const FILTERS: readonly DecisionFilter[] = ['all', 'kept', 'shortened', 'dropped'];
/** Of one section at first. */
const SHOWN = 200;

/** Every part that the compile looked at: what became of it, and why. */
export function ItemList({ run }: { readonly run: CompileRun }): ReactNode {
  const [filter, setFilter] = useState<DecisionFilter>('all');
  const texts = useDroppedTexts(run);
  const counts = decisionCounts(run.answer.receipt.items);
  return (
    <div className="stack">
      <ToggleButtonGroup
        className="pills"
        aria-label="Show parts that were"
        selectionMode="single"
        disallowEmptySelection
        selectedKeys={[filter]}
        onSelectionChange={([chosen]) => {
          setFilter((chosen ?? 'all') as DecisionFilter);
        }}
      >
        {FILTERS.map((each) => (
          <ToggleButton key={each} id={each} className="pill">
            {each === 'all' ? 'All' : each.charAt(0).toUpperCase() + each.slice(1)}{' '}
            <span className="muted">{count(counts[each])}</span>
          </ToggleButton>
        ))}
      </ToggleButtonGroup>
      {itemGroups(run.answer).map((group) => (
        <Group key={group.section.name} group={group} filter={filter} texts={texts} />
      ))}
    </div>
  );
}

interface GroupProps {
  readonly group: ItemGroup;
  readonly filter: DecisionFilter;
  readonly texts: ReadonlyMap<string, string>;
}

function Group({ group: { section, items, unread }, filter, texts }: GroupProps): ReactNode {
  const [isWhole, setWhole] = useState(false);
  const chosen = filter === 'all' ? items : items.filter(({ decision }) => decision === filter);
  const shown = isWhole ? chosen : chosen.slice(0, SHOWN);
  const isOlder = unread > 0 && (filter === 'all' || filter === 'dropped');
  const highest = Math.max(...items.map(({ score }) => score ?? 0), 0);
  return (
    <section className="group" aria-label={section.label}>
      <h3 className="group-head">
        <span className={`swatch fill-${section.name}`} aria-hidden="true" />
        {section.label}
        <span className="muted small">
          {items.length > 1 && `${section.contents} · `}
          {filter === 'all'
            ? plural(items.length, 'part')
            : `${count(chosen.length)} of ${plural(items.length, 'part')}`}
        </span>
      </h3>
      {isOlder && (
        <p className="unread small">
          {plural(unread, 'older message')} {unread === 1 ? 'was' : 'were'} not looked at: the history could
          not hold them.
        </p>
      )}
      {chosen.length > 0 ? (
        <ul className="items">
          {shown.map((item) => (
            <ItemRow key={item.key} item={item} text={item.text ?? texts.get(item.id)} highest={highest} />
          ))}
        </ul>
      ) : (
        !isOlder && (
          <p className="nothing muted small">
            {items.length === 0 ? EMPTY[section.tier] : `None was ${filter}.`}
          </p>
        )
      )}
      {shown.length < chosen.length && (
        <Button
          kind="quiet"
          onPress={() => {
            setWhole(true);
          }}
        >
          Show {count(chosen.length - shown.length)} more
        </Button>
      )}
    </section>
  );
}

const EMPTY = {
  system: 'There is no system prompt.',
  session: 'The thread has no messages.',
  memory: 'No memory matched the task.',
  task: 'There is no task.',
};
