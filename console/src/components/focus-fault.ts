/**
 * Puts the focus on the first field of a form that is said to be wrong, where a screen reader reads what is wrong with it;
 * leaves it where it is when none is. Called in the handler that sets the faults: they are on the page a moment later.
 */
export function focusFault(form: HTMLFormElement | null): void {
  setTimeout(() => form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
}
