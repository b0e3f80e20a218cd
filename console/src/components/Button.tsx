import type { ReactNode } from 'react';
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from 'react-aria-components';

export interface ButtonProps extends Omit<AriaButtonProps, 'className' | 'style'> {
  /** `primary`: the one thing to do here; `danger`: takes something away; `quiet`: without a frame. */
  readonly kind?: 'primary' | 'plain' | 'danger' | 'quiet';
}

/** A button; while `isPending` it keeps the focus, says so, and cannot be pressed. */
export function Button({ kind = 'plain', ...props }: ButtonProps): ReactNode {
  return <AriaButton {...props} className={`button button-${kind}`} />;
}
