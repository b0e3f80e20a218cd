import type { ReactNode } from 'react';
import type { ApiProblem } from '../api/problem.js';
import { Button } from './Button.js';
import { Dialog } from './Dialog.js';
import { ProblemMessage } from './ProblemMessage.js';

interface ConfirmDialogProps {
  /** As a question that names what it is about. */
  readonly title: string;
  /** What will be gone, and that it cannot be undone. */
  readonly children: ReactNode;
  /** The verb, on the button that does it. */
  readonly confirm: string;
  readonly isOpen: boolean;
  readonly isPending: boolean;
  readonly problem: ApiProblem | null;
  readonly onConfirm: () => void;
  readonly onCancel: () => void;
}

/** Asks before something is taken away; stays open with what went wrong when it could not be. */
export function ConfirmDialog(props: ConfirmDialogProps): ReactNode {
  const { title, children, confirm, isOpen, isPending, problem, onConfirm, onCancel } = props;
  return (
    <Dialog title={title} isOpen={isOpen} onClose={onCancel} isDismissable role="alertdialog">
      <div className="dialog-text">{children}</div>
      {problem && <ProblemMessage problem={problem} />}
      <div className="actions actions-end">
        <Button autoFocus onPress={onCancel}>
          Cancel
        </Button>
        <Button kind="danger" isPending={isPending} onPress={onConfirm}>
          {confirm}
        </Button>
      </div>
    </Dialog>
  );
}
