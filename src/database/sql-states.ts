/** The login or its role may not do this. */
export const INSUFFICIENT_PRIVILEGE = '42501';
/** A function or an operator is not there, or not in the search_path. */
export const UNDEFINED_FUNCTION = '42883';
/** A type is not there, or not in the search_path. */
export const UNDEFINED_OBJECT = '42704';
