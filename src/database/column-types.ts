import pg from 'pg';
import { parseJson } from './parse-json.js';

const JSON_TYPES: readonly number[] = [pg.types.builtins.JSON, pg.types.builtins.JSONB];

/** The option `types` of a connection: JSON is read by {@link parseJson}, all else as node-postgres reads it. */
export const columnTypes: pg.CustomTypesConfig = {
  getTypeParser: (type, format) =>
    format !== 'binary' && JSON_TYPES.includes(type)
      ? parseJson
      : (pg.types.getTypeParser(type, format) as unknown),
};
