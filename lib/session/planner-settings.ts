/** The planner's settings as the session has them, made anew when one of them changes. */
import type { PlannerSettings } from '../planner/context.js';
import type { SessionSettings } from './settings/store.js';

/** Reads every setting that the planner knows. */
export function readPlannerSettings(settings: SessionSettings): PlannerSettings {
  const number = (key: string): number => Number(settings.value(key));
  const flag = (key: string): boolean => settings.value(key) === true;
  return {
    seqPageCost: number('seq_page_cost'), randomPageCost: number('random_page_cost'), cpuTupleCost: number('cpu_tuple_cost'),
    cpuIndexTupleCost: number('cpu_index_tuple_cost'), cpuOperatorCost: number('cpu_operator_cost'),
    effectiveCacheSize: number('effective_cache_size'), workMem: number('work_mem'), hashMemMultiplier: number('hash_mem_multiplier'),
    cursorTupleFraction: number('cursor_tuple_fraction'), recursiveWorktableFactor: number('recursive_worktable_factor'),
    fromCollapseLimit: number('from_collapse_limit'), joinCollapseLimit: number('join_collapse_limit'),
    geqo: flag('geqo'), geqoThreshold: number('geqo_threshold'),
    constraintExclusion: settings.value('constraint_exclusion') as PlannerSettings['constraintExclusion'],
    enableSeqscan: flag('enable_seqscan'), enableIndexscan: flag('enable_indexscan'), enableIndexonlyscan: flag('enable_indexonlyscan'),
    enableBitmapscan: flag('enable_bitmapscan'), enableTidscan: flag('enable_tidscan'), enableSort: flag('enable_sort'),
    enableIncrementalSort: flag('enable_incremental_sort'), enableHashagg: flag('enable_hashagg'), enableNestloop: flag('enable_nestloop'),
    enableMaterial: flag('enable_material'), enableMemoize: flag('enable_memoize'), enableMergejoin: flag('enable_mergejoin'),
    enableHashjoin: flag('enable_hashjoin'), enablePartitionPruning: flag('enable_partition_pruning'),
    enablePartitionwiseJoin: flag('enable_partitionwise_join'), enablePartitionwiseAggregate: flag('enable_partitionwise_aggregate'),
    enablePresortedAggregate: flag('enable_presorted_aggregate'), enableGroupByReordering: flag('enable_group_by_reordering'),
    enableDistinctReordering: flag('enable_distinct_reordering'), enableSelfJoinElimination: flag('enable_self_join_elimination'),
  };
}
