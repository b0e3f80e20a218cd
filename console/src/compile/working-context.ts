import type { CompileContextRequest, ItemReceipt, SectionReceipt, WorkingContext } from 'triptych-client';

export type {
  Budget,
  Budgets,
  ItemReceipt,
  Message as PromptMessage,
  Receipt,
  SectionReceipt,
  SharedPrefix,
  WorkingContext,
} from 'triptych-client';

export type SectionName = SectionReceipt['section'];
export type ItemTier = ItemReceipt['tier'];
export type Decision = ItemReceipt['decision'];

/** What the form asks for: always in a format, so that there is a prompt to copy. */
export type CompileRequest = CompileContextRequest & Required<Pick<CompileContextRequest, 'format'>>;
export type PromptFormat = CompileRequest['format'];

/** One compile as the console keeps it: what was asked, and what was answered. */
export interface CompileRun {
  request: CompileRequest;
  answer: WorkingContext;
  /** When it was answered, milliseconds since 1970. */
  at: number;
}
