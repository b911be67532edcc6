/**
 * Grouping sets into as few chains as possible, each of which one sort order serves (extract_rollup_sets of planner.c): a
 * maximum matching between sets and their subsets, by Hopcroft and Karp's algorithm (bipartite_match.c), so that the chains
 * come out as PostgreSQL's.
 */

/** Chains of sets, each set containing the next one; `sets` come smallest first. Empty sets end the first chain. */
export function rollupChains(sets: readonly (readonly number[])[]): number[][][] {
  const empty = sets.filter((set) => set.length === 0).map((): number[] => []);
  const distinct: { refs: ReadonlySet<number>; same: number[][] }[] = [];
  for (const set of sets) {
    if (set.length === 0) continue;
    const known = distinct.find((entry) => entry.refs.size === set.length && set.every((ref) => entry.refs.has(ref)));
    if (known) known.same.push([...set]);
    else distinct.push({ refs: new Set(set), same: [[...set]] });
  }
  if (distinct.length === 0) return empty.length > 0 ? [empty] : [];
  // Sets are numbered from 1; neighbours of a set are its proper subsets, the largest first.
  const neighbours = distinct.map((entry, at) => distinct.slice(0, at).flatMap((other, below) =>
    (other.refs.size < entry.refs.size && [...other.refs].every((ref) => entry.refs.has(ref)) ? [below + 1] : [])).reverse());
  const { superset, subset } = matching(neighbours);
  const chainOf: number[] = [];
  const chains: number[][][] = [];
  distinct.forEach((entry, at) => {
    const [above, below] = [superset[at + 1], subset[at + 1]];
    const chain = above > 0 && above <= at ? chainOf[above - 1] : below > 0 && below <= at ? chainOf[below - 1] : chains.push([]) - 1;
    chainOf.push(chain);
    chains[chain].push(...entry.same);
  });
  chains[0].unshift(...empty);
  return chains.map((chain) => chain.reverse());
}

/** Pairs of a set and one of its subsets: by set and by subset, numbered from 1, 0 for none. */
function matching(neighbours: readonly (readonly number[])[]): { subset: number[]; superset: number[] } {
  const size = neighbours.length;
  const subset = Array.from({ length: size + 1 }, () => 0);
  const superset = Array.from({ length: size + 1 }, () => 0);
  const distance = Array.from({ length: size + 1 }, () => Infinity);
  const layers = (): boolean => {
    const queue: number[] = [];
    distance[0] = Infinity;
    for (let set = 1; set <= size; set++) {
      distance[set] = subset[set] === 0 ? 0 : Infinity;
      if (subset[set] === 0) queue.push(set);
    }
    for (const set of queue) {
      if (distance[set] >= distance[0]) continue;
      for (const candidate of neighbours[set - 1].toReversed()) {
        const next = superset[candidate];
        if (distance[next] !== Infinity) continue;
        distance[next] = distance[set] + 1;
        if (next !== 0) queue.push(next);
      }
    }
    return distance[0] !== Infinity;
  };
  const augment = (set: number): boolean => {
    if (set === 0) return true;
    if (distance[set] === Infinity) return false;
    for (const candidate of neighbours[set - 1].toReversed()) {
      if (distance[superset[candidate]] !== distance[set] + 1 || !augment(superset[candidate])) continue;
      superset[candidate] = set;
      subset[set] = candidate;
      return true;
    }
    distance[set] = Infinity;
    return false;
  };
  while (layers()) for (let set = 1; set <= size; set++) if (subset[set] === 0) augment(set);
  return { subset, superset };
}
