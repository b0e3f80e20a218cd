import type { ReactNode } from 'react';
import { Tab, TabList, TabPanel, Tabs } from 'react-aria-components';
import { Button } from '../components/Button.js';
import { ComparePanel } from './ComparePanel.js';
import { ItemList } from './ItemList.js';
import { PromptPanel } from './PromptPanel.js';
import { runName } from './run-name.js';
import { count, percent } from './sections.js';
import { SectionTable } from './SectionTable.js';
import { TokenBar } from './TokenBar.js';
import { tokenBar } from './token-bar.js';
import type { CompileRun } from './working-context.js';

interface CompileResultProps {
  readonly run: CompileRun;
  readonly pinned: CompileRun | undefined;
  readonly onPin: (run: CompileRun | undefined) => void;
}

/** A compile as a picture, and below it each decision, the prompt, and the difference from the one that is pinned. */
export function CompileResult({ run, pinned, onPin }: CompileResultProps): ReactNode {
  const bar = tokenBar(run.answer);
  const { receipt, budget, degraded } = run.answer;
  const isPinned = pinned === run;
  return (
    <div className="result">
      <section className="card stack" aria-labelledby="result-title">
        <div className="result-head">
          <div>
            <h2 id="result-title" className="figure">
              <strong>{count(bar.used)}</strong> of {count(bar.total)} tokens
              <span className="figure-share">{percent(bar.used, bar.total)}</span>
            </h2>
            <p className="muted small result-about">
              {runName(run)} · counted in {receipt.encoding}
              {receipt.model !== undefined && ` for ${receipt.model}`}
              {receipt.safetyFactor !== 1 &&
                `, whose own tokens are not known: ${count(budget.total)} divided by ${receipt.safetyFactor}`}
            </p>
          </div>
          <Button
            onPress={() => {
              onPin(isPinned ? undefined : run);
            }}
          >
            {isPinned ? 'Unpin' : pinned ? 'Pin this one instead' : 'Pin to compare'}
          </Button>
        </div>
        <TokenBar bar={bar} />
        <SectionTable bar={bar} />
      </section>
      {degraded.length > 0 && (
        <section className="notice" aria-label="What could not be used">
          <p>
            <b>Compiled without all that there is</b>
          </p>
          <ul className="degraded">
            {degraded.map(({ code, detail }, index) => (
              <li key={index}>
                {detail} <code>{code}</code>
              </li>
            ))}
          </ul>
        </section>
      )}
      {isPinned && (
        <p className="notice-accent small">
          Pinned. Change the tier, the task or the thread and compile again to compare.
        </p>
      )}
      <Tabs className="tabs">
        <TabList className="tab-list" aria-label="About this compile">
          <Tab id="parts" className="tab">
            Decisions <span className="muted">{count(receipt.items.length)}</span>
          </Tab>
          <Tab id="prompt" className="tab">
            Prompt
          </Tab>
          {pinned && !isPinned && (
            <Tab id="compare" className="tab">
              Compare
            </Tab>
          )}
        </TabList>
        <TabPanel id="parts" className="tab-panel">
          <ItemList key={run.at} run={run} />
        </TabPanel>
        <TabPanel id="prompt" className="tab-panel">
          <PromptPanel key={run.at} run={run} />
        </TabPanel>
        {pinned && !isPinned && (
          <TabPanel id="compare" className="tab-panel">
            <ComparePanel pinned={pinned} current={run} />
          </TabPanel>
        )}
      </Tabs>
    </div>
  );
}
