/** Utility statements' SQL scripts against recorded answers of PostgreSQL 18. */
import { goldenSuite } from '../golden/suite.js';

goldenSuite('commands');
