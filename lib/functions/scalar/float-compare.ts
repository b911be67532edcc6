/**
 * Comparison of floating-point numbers as PostgreSQL orders them: NaN equals NaN and is greater than everything else.
 */

/** <0, 0, >0. */
export function compareFloat(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return a === a ? -1 : b === b ? 1 : 0;
}

/** Equality with NaN = NaN. */
export function equalFloat(a: number, b: number): boolean {
  return a === b || (a !== a && b !== b);
}
