import { useState, type ReactNode } from 'react';
import { ToggleButton, ToggleButtonGroup } from 'react-aria-components';
import { compareRuns, type Comparison, type ItemDifference } from './compare.js';
import { DecisionMark } from './DecisionMark.js';
import { runName } from './run-name.js';
import { reasonInWords } from './reasons.js';
import type { ShownItem } from './receipt-items.js';
import { count, sectionOfTier } from './sections.js';
import { TokenBar } from './TokenBar.js';
import { tokenBar } from './token-bar.js';
import type { CompileRun } from './working-context.js';

interface ComparePanelProps {
  readonly pinned: CompileRun;
  readonly current: CompileRun;
}

/** Two compiles beside each other: A is the one that was pinned, B the newest. */
export function ComparePanel({ pinned, current }: ComparePanelProps): ReactNode {
  const comparison = compareRuns(pinned, current);
  const bars = [tokenBar(pinned.answer), tokenBar(current.answer)] as const;
  const scale = Math.max(bars[0].total, bars[1].total);
  return (
    <div className="stack compare">
      {(
        [
          ['A', pinned, bars[0]],
          ['B', current, bars[1]],
        ] as const
      ).map(([letter, run, bar]) => (
        <div key={letter} className="compare-bar">
          <p className="compare-name">
            <span className="letter">{letter}</span> <b>{runName(run)}</b>
            <span className="muted">
              {count(bar.used)} of {count(bar.total)} tokens{letter === 'A' && ' · pinned'}
            </span>
          </p>
          <TokenBar bar={bar} scale={scale} label={`Tokens of ${letter}`} hasPrefix={false} />
        </div>
      ))}
      <Settings comparison={comparison} />
      <Items comparison={comparison} />
    </div>
  );
}

function Settings({
  comparison: { settings, isSamePrompt },
}: {
  readonly comparison: Comparison;
}): ReactNode {
  return (
    <section className="stack" aria-label="Settings that differ">
      <h3>What was asked differently</h3>
      {settings.length === 0 ? (
        <p className="muted">
          Nothing: the settings are the same
          {isSamePrompt
            ? ', and so is every byte of the prompt.'
            : '. What is stored has changed in between.'}
        </p>
      ) : (
        <table className="compare-table">
          <thead>
            <tr>
              <th scope="col">Setting</th>
              <th scope="col">A</th>
              <th scope="col">B</th>
            </tr>
          </thead>
          <tbody>
            {settings.map(({ name, left, right }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>
                  <span className="clamp">{left}</span>
                </td>
                <td>
                  <span className="clamp">{right}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {settings.length > 0 && isSamePrompt && (
        <p className="muted">The prompts are the same all the same, byte for byte.</p>
      )}
    </section>
  );
}

const KINDS = ['different', 'only-left', 'only-right', 'changed', 'all'] as const;
type Kind = (typeof KINDS)[number];
const NAMES: Readonly<Record<Kind, string>> = {
  different: 'All differences',
  'only-left': 'Only in A',
  'only-right': 'Only in B',
  changed: 'In both, otherwise',
  all: 'Everything',
};
/** Rows at first. */
const SHOWN = 300;

function Items({ comparison: { items, counts } }: { readonly comparison: Comparison }): ReactNode {
  const [kind, setKind] = useState<Kind>('different');
  const countOf = (each: Kind): number =>
    each === 'all' ? items.length : each === 'different' ? items.length - counts.same : counts[each];
  const shown = items.filter(
    (item) => kind === 'all' || (kind === 'different' ? item.kind !== 'same' : item.kind === kind),
  );
  return (
    <section className="stack" aria-label="Parts that differ">
      <h3>What each of them sends</h3>
      <ToggleButtonGroup
        className="pills"
        aria-label="Show parts"
        selectionMode="single"
        disallowEmptySelection
        selectedKeys={[kind]}
        onSelectionChange={([chosen]) => {
          setKind((chosen ?? 'different') as Kind);
        }}
      >
        {KINDS.map((each) => (
          <ToggleButton key={each} id={each} className="pill">
            {NAMES[each]} <span className="muted">{count(countOf(each))}</span>
          </ToggleButton>
        ))}
      </ToggleButtonGroup>
      {shown.length === 0 ? (
        <p className="muted">There is none.</p>
      ) : (
        <table className="compare-table compare-items">
          <thead>
            <tr>
              <th scope="col">Part</th>
              <th scope="col">A</th>
              <th scope="col">B</th>
            </tr>
          </thead>
          <tbody>
            {shown.slice(0, SHOWN).map((item) => (
              <Row key={item.key} item={item} />
            ))}
          </tbody>
        </table>
      )}
      {shown.length > SHOWN && <p className="muted small">The first {count(SHOWN)} are shown.</p>}
    </section>
  );
}

function Row({ item: { tier, id, text, left, right } }: { readonly item: ItemDifference }): ReactNode {
  const section = sectionOfTier(tier);
  return (
    <tr>
      <th scope="row">
        <span className="compare-part">
          <span className={`swatch fill-${section.name}`} aria-hidden="true" />
          <span className="visually-hidden">{section.label}: </span>
          {text === undefined ? (
            <span className="mono muted">{id}</span>
          ) : (
            <span className="clamp">{text.slice(0, 300)}</span>
          )}
        </span>
      </th>
      {[left, right].map((side, index) => (
        <td key={index}>
          <Side item={side} />
        </td>
      ))}
    </tr>
  );
}

function Side({ item }: { readonly item: ShownItem | undefined }): ReactNode {
  if (!item) return <span className="muted small">not found</span>;
  return (
    <span className="side">
      <DecisionMark decision={item.decision} />
      <span className="number small">{count(item.tokens)} tok</span>
      {item.decision !== 'kept' && <span className="muted small side-why">{reasonInWords(item)}</span>}
    </span>
  );
}
