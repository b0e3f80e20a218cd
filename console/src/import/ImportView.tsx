import { useEffect, useState, useSyncExternalStore, type ReactNode } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { useApi } from '../credential/SignedIn.js';
import { announce } from '../components/announce.js';
import { useKept } from '../layout/useKept.js';
import { useTitle } from '../layout/useTitle.js';
import { append, wait } from './append.js';
import { ChooseExport } from './ChooseExport.js';
import { ExportPreview } from './ExportPreview.js';
import { ExportReader } from './export-reader.js';
import { ImportProgressPanel } from './ImportProgressPanel.js';
import { ImportRun } from './import-run.js';
import { chosenOf, threadIdOf, wanted, type Chosen } from './import-state.js';
import { stemOf } from './thread-names.js';
import './import.css';

/** Takes chats of elsewhere over into threads: choose, look, send. What was begun goes on while another view is open. */
export function ImportView(): ReactNode {
  useTitle('Import');
  const api = useApi();
  const queries = useQueryClient();
  const [chosen, setChosen] = useKept<Chosen | undefined>('import.chosen', undefined);
  const [run, setRun] = useKept<ImportRun | undefined>('import.run', undefined);
  const [typed, setTyped] = useKept('import.typed', '');
  const [reading, setReading] = useState<{ name: string; part: number }>();
  const [fault, setFault] = useState<{ name: string; message: string }>();

  const read = async (file: Blob, name: string): Promise<void> => {
    setFault(undefined);
    setReading({ name, part: 0 });
    const reader = new ExportReader();
    try {
      const summary = await reader.read(file, (part) => {
        setReading({ name, part });
      });
      chosen?.close();
      setChosen(chosenOf(name, stemOf(name), reader, summary));
      announce(`${name} is read: ${summary.conversations.length} conversations.`);
    } catch (error) {
      reader.close();
      setFault({ name, message: error instanceof Error ? error.message : String(error) });
    } finally {
      setReading(undefined);
    }
  };
  const start = (chosen: Chosen): void => {
    const plans = wanted(chosen).map((conversation) => ({
      index: conversation.index,
      title: conversation.title ?? conversation.name,
      threadId: threadIdOf(chosen, conversation),
      messages: conversation.messages,
    }));
    const begun = new ImportRun(plans, {
      source: chosen.reader,
      append: (request) => append(api, request),
      wait,
      addToThreads: chosen.addToThreads,
    });
    setRun(begun);
    void begun.start().then(() => queries.invalidateQueries());
  };
  const startAgain = (): void => {
    chosen?.close();
    setRun(undefined);
    setChosen(undefined);
    setTyped('');
  };

  return (
    <div className="page import">
      <div>
        <h1>Import</h1>
        <p className="muted">
          Chats of elsewhere become threads: an export in OpenAI’s form, or ChatGPT’s own{' '}
          <code>conversations.json</code>.
        </p>
      </div>
      {run ? (
        <RunningImport
          run={run}
          onBack={() => {
            setRun(undefined);
          }}
          onStartAgain={startAgain}
        />
      ) : chosen ? (
        <ExportPreview chosen={chosen} onChange={setChosen} onImport={start} onStartAgain={startAgain} />
      ) : (
        <ChooseExport
          reading={reading}
          fault={fault}
          typed={typed}
          onType={setTyped}
          onRead={(file, name) => void read(file, name)}
        />
      )}
    </div>
  );
}

interface RunningImportProps {
  readonly run: ImportRun;
  readonly onBack: () => void;
  readonly onStartAgain: () => void;
}

function RunningImport({ run, onBack, onStartAgain }: RunningImportProps): ReactNode {
  const queries = useQueryClient();
  const progress = useSyncExternalStore(run.subscribe, () => run.progress);
  const { state } = progress;
  useEffect(() => {
    if (state !== 'running') return undefined;
    // Closing the tab would stop it in the middle.
    const ask = (event: BeforeUnloadEvent): void => {
      event.preventDefault();
    };
    window.addEventListener('beforeunload', ask);
    return () => {
      window.removeEventListener('beforeunload', ask);
    };
  }, [state]);
  const go = (): void => {
    void run.start().then(() => queries.invalidateQueries());
  };
  return (
    <ImportProgressPanel
      progress={progress}
      onCancel={() => {
        run.cancel();
      }}
      onResume={go}
      onRetry={(indexes, retrying) => {
        run.retry(indexes, retrying);
        go();
      }}
      onBack={onBack}
      onStartAgain={onStartAgain}
    />
  );
}
