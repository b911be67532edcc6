/** The extensions that could be created: PL/pgSQL, which every database has already, and nothing else. */
import { rowsReturning } from '../registry.js';

const PLPGSQL_COMMENT = 'PL/pgSQL procedural language';

rowsReturning('pg_available_extensions', (_cx) => [['plpgsql', '1.0', PLPGSQL_COMMENT]]);
rowsReturning('pg_available_extension_versions', (_cx) => [['plpgsql', '1.0', true, true, false, 'pg_catalog', null, PLPGSQL_COMMENT]]);
