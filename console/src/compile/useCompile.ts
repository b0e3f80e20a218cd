import { compileContext } from 'triptych-client';
import { asProblem, type ApiProblem } from '../api/problem.js';
import { announce } from '../components/announce.js';
import { useApi } from '../credential/SignedIn.js';
import { keptOf } from '../layout/kept.js';
import { useKept } from '../layout/useKept.js';
import { barInWords, tokenBar } from './token-bar.js';
import type { CompileRequest, CompileRun } from './working-context.js';

/** The newest request that was not answered with a compile: it is at work, or failed. */
interface Asked {
  readonly request: CompileRequest;
  readonly problem?: ApiProblem;
}

interface Compiling {
  /** The newest compile that was answered. */
  readonly run: CompileRun | undefined;
  readonly isPending: boolean;
  /** Why the newest request failed. */
  readonly problem: ApiProblem | null;
  readonly compile: (request: CompileRequest) => Promise<void>;
}

const ASKED = 'compile.asked';

/**
 * Asks the service for a working context, and keeps what was asked beside what was answered. It outlives the view: whoever
 * opens another one meanwhile finds the answer, or why there is none, on coming back.
 */
export function useCompile(): Compiling {
  const api = useApi();
  const [run, setRun] = useKept<CompileRun | undefined>('compile.run', undefined);
  const [asked, setAsked, answered] = useKept<Asked | undefined>(ASKED, undefined);
  const compile = async (request: CompileRequest): Promise<void> => {
    const mine: Asked = { request };
    // Not that of an older request, and not one of somebody who has signed out.
    const isWanted = (): boolean => keptOf(api).values.get(ASKED) === mine;
    setAsked(mine);
    try {
      const answer = await api.run((client) => compileContext({ client, body: request }));
      if (!isWanted()) return;
      answered();
      setRun({ request, answer, at: Date.now() });
      announce(`Compiled. ${barInWords(tokenBar(answer))}`);
    } catch (error) {
      if (isWanted()) setAsked({ request, problem: asProblem(error) });
    }
  };
  const problem = asked?.problem ?? null;
  return { run, isPending: asked !== undefined && !problem, problem, compile };
}
