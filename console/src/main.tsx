import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App.js';
import { applyTheme, storedTheme } from './theme/theme.js';
import './theme/base.css';
import './components/components.css';
import './layout/layout.css';

// react-aria would put a <style> element with this id into the page, which its policy refuses; what the element
// would say stands in base.css, and react-aria leaves alone what is there already.
const stylesAreThere = document.createElement('meta');
stylesAreThere.id = 'react-aria-pressable-style';
document.head.append(stylesAreThere);

applyTheme(storedTheme());
const root = document.getElementById('root');
if (!root) throw new Error('The page has no element #root.');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
