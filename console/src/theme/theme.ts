export type Theme = 'system' | 'light' | 'dark';

const STORED_AT = 'triptych.theme';

export const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

export function storedTheme(): Theme {
  const stored = sessionStorage.getItem(STORED_AT);
  return THEMES.find((theme) => theme === stored) ?? 'system';
}

/** Shows the page in this theme, and remembers it for this tab. */
export function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
  sessionStorage.setItem(STORED_AT, theme);
}
