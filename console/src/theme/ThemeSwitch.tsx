import { useState, type ReactNode } from 'react';
import { applyTheme, storedTheme, THEMES, type Theme } from './theme.js';

const NAMES: Readonly<Record<Theme, string>> = { system: '◐ System', light: '○ Light', dark: '● Dark' };

/** Dark, light, or as the system has it. */
export function ThemeSwitch(): ReactNode {
  const [theme, setTheme] = useState(storedTheme);
  return (
    <label className="theme-switch">
      <span className="visually-hidden">Theme</span>
      <select
        value={theme}
        onChange={({ target }) => {
          const chosen = target.value as Theme;
          applyTheme(chosen);
          setTheme(chosen);
        }}
      >
        {THEMES.map((name) => (
          <option key={name} value={name}>
            {NAMES[name]}
          </option>
        ))}
      </select>
    </label>
  );
}
