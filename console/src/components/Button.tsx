import type { ReactNode } from 'react';
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from 'react-aria-components';

export interface ButtonProps extends Omit<AriaButtonProps, 'className' | 'style' | 'isPending'> {
  /** `primary`: the one thing to do here; `danger`: takes something away; `quiet`: without a frame. */
  readonly kind?: 'primary' | 'plain' | 'danger' | 'quiet';
  /** It was pressed and is at work: it keeps the focus and does nothing when it is pressed again. */
  readonly isPending?: boolean;
}

/**
 * A button. Its pending state is ours: react-aria's leaves an element without a name in the page once the button
 * is gone.
 */
export function Button({ kind = 'plain', isPending = false, onPress, ...props }: ButtonProps): ReactNode {
  return (
    <AriaButton
      {...props}
      {...(!isPending && onPress && { onPress })}
      aria-disabled={isPending}
      className={`button button-${kind}${isPending ? ' button-pending' : ''}`}
    />
  );
}
