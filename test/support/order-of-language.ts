/**
 * Where text has the order of a language, as most servers have it; the embedded engine has it in the order of code
 * points, so whatever depends on the one or the other fails on one of them.
 */
export const IN_ORDER_OF_LANGUAGE = `template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'`;
