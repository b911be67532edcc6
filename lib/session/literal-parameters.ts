import type { LiteralKind } from '../parser/literals.js';

export interface LiteralParameters {
  readonly byLocation: ReadonlyMap<number, number>;
  readonly kinds: readonly LiteralKind[];
  readonly types: number[];
}
