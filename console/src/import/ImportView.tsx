import { useSyncExternalStore, type ReactNode } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { useApi } from '../credential/SignedIn.js';
import { announce } from '../components/announce.js';
import { useKept } from '../layout/useKept.js';
import { useTitle } from '../layout/useTitle.js';
import { append, wait } from './append.js';
import { askBeforeLeaving } from './ask-before-leaving.js';
import { ChooseExport } from './ChooseExport.js';
import { ExportPreview } from './ExportPreview.js';
import { ExportReader } from './export-reader.js';
import { ImportProgressPanel, type ImportProgressPanelProps } from './ImportProgressPanel.js';
import { ImportRun } from './import-run.js';
import { chosenOf, threadIdOf, wanted, type Chosen } from './import-state.js';
import { checkSize, isUnderWay, type Reading } from './reading.js';
import './import.css';

const NO_IDS: ReadonlyMap<number, string> = new Map();

/** Takes chats of elsewhere over into threads: choose, look, send. What was begun goes on while another view is open. */
export function ImportView(): ReactNode {
  useTitle('Import');
  const api = useApi();
  const queries = useQueryClient();
  const [chosen, setChosen] = useKept<Chosen | undefined>('import.chosen', undefined);
  const [run, setRun] = useKept<ImportRun | undefined>('import.run', undefined);
  const [typed, setTyped] = useKept('import.typed', '');
  const [typedIds, setTypedIds, forgetTypedIds] = useKept('import.typed-ids', NO_IDS);
  const [reading, setReading, forgetReading] = useKept<Reading | undefined>('import.reading', undefined);

  const read = async (
    name: string,
    file: Promise<Blob>,
    { isPasted = false, notTaken = [] }: Partial<Pick<Chosen, 'isPasted' | 'notTaken'>> = {},
  ): Promise<void> => {
    if (isUnderWay(reading)) return;
    const reader = new ExportReader();
    const begun: Reading = {
      ...{ name, part: 0, notTaken },
      close: () => {
        reader.close();
      },
    };
    setReading(begun);
    try {
      const bytes = await file;
      checkSize(bytes);
      const summary = await reader.read(bytes, (part) => {
        setReading({ ...begun, part });
      });
      forgetReading();
      setChosen(chosenOf({ fileName: name, isPasted, notTaken, reader, summary }));
      announce(`${name} is read: ${summary.conversations.length} conversations.`);
    } catch (error) {
      reader.close();
      setReading({ ...begun, fault: error instanceof Error ? error.message : String(error) });
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
    askBeforeLeaving(begun);
    forgetTypedIds();
    setRun(begun);
    void begun.start().then(() => queries.invalidateQueries());
  };
  const startAgain = (): void => {
    chosen?.close();
    setRun(undefined);
    setChosen(undefined);
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
          typedIds={typedIds}
          onTypeId={(index, threadId) => {
            setTypedIds(new Map(typedIds).set(index, threadId));
          }}
          onStartAgain={() => {
            // What was pasted stays until all of it is imported.
            if (chosen?.isPasted && isImported(run)) setTyped('');
            startAgain();
          }}
        />
      ) : chosen ? (
        <ExportPreview chosen={chosen} onChange={setChosen} onImport={start} onStartAgain={startAgain} />
      ) : (
        <ChooseExport
          reading={reading}
          typed={typed}
          onType={setTyped}
          onRead={(name, file, notTaken) => void read(name, file, { notTaken })}
          onReadText={() =>
            void read('The pasted text', Promise.resolve(new Blob([typed])), { isPasted: true })
          }
        />
      )}
    </div>
  );
}

function isImported({ progress }: ImportRun): boolean {
  return progress.threads.every(({ state }) => state === 'done');
}

interface RunningImportProps extends Pick<
  ImportProgressPanelProps,
  'typedIds' | 'onTypeId' | 'onBack' | 'onStartAgain'
> {
  readonly run: ImportRun;
}

function RunningImport({ run, ...rest }: RunningImportProps): ReactNode {
  const queries = useQueryClient();
  const progress = useSyncExternalStore(run.subscribe, () => run.progress);
  const go = (): void => {
    void run.start().then(() => queries.invalidateQueries());
  };
  return (
    <ImportProgressPanel
      {...rest}
      progress={progress}
      onCancel={() => {
        run.cancel();
      }}
      onResume={go}
      onRetry={(indexes, retrying) => {
        run.retry(indexes, retrying);
        go();
      }}
    />
  );
}
