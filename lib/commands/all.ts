/**
 * Loads every command file, so that `dispatch.ts` knows them. New files are added here.
 */
import './alter/alter-constraint.js';
import './alter/column-type.js';
import './alter/columns.js';
import './alter/constraints.js';
import './alter/identity.js';
import './alter/inherit.js';
import './alter/properties.js';
import './constraint/set-constraints.js';
import './copy/copy-command.js';
import './database/database-command.js';
import './define/cast.js';
import './define/definition.js';
import './drop/drop-command.js';
import './explain/explain.js';
import './function/alter-function.js';
import './function/call.js';
import './function/create-function.js';
import './index/index-command.js';
import './index/reindex.js';
import './maintenance/vacuum.js';
import './object/comment.js';
import './object/owner.js';
import './object/rename.js';
import './object/set-schema.js';
import './privilege/default-privileges.js';
import './privilege/grant.js';
import './privilege/owned.js';
import './role/create-role.js';
import './role/grant-role.js';
import './role/role-settings.js';
import './schema/create-schema.js';
import './sequence/alter-sequence.js';
import './sequence/create-sequence.js';
import './table/create-table.js';
import './table/lock-table.js';
import './table/truncate.js';
import './type/composite.js';
import './type/domain.js';
import './type/enum.js';
import './view/create-table-as.js';
import './view/create-view.js';
import './view/refresh.js';

export { dropObjects } from './drop/drop-object.js';
export { describeUtility, executeUtility, utilityCommand } from './dispatch.js';
