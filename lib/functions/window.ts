/**
 * Registration of the window functions. The window operator of the executor implements them by these names.
 */
import { windowFunction } from './registry.js';

for (const name of [
  'window_row_number', 'window_rank', 'window_dense_rank', 'window_percent_rank', 'window_cume_dist', 'window_ntile',
  'window_lag', 'window_lag_with_offset', 'window_lag_with_offset_and_default',
  'window_lead', 'window_lead_with_offset', 'window_lead_with_offset_and_default',
  'window_first_value', 'window_last_value', 'window_nth_value',
]) windowFunction(name);
