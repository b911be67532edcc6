/**
 * Scores one file of PostgreSQL's regression suite: by file (pg_regress's own rule: equal to some expected variant,
 * white space ignored) and by statement (what each statement printed against what it must print).
 *
 * A script's echoed lines (`psql -a`) cut the output into statements; expected and actual statements are then
 * aligned by the longest-matching-block algorithm of Ratcliff and Obershelp as Python's difflib implements it, so that
 * the counts agree with the reference scorer's to the statement.
 */

/** One statement: its echoed lines and its result lines, all white space removed; the raw forms as printed. */
export interface Chunk {
  readonly key: string;
  readonly echo: readonly string[];
  readonly result: readonly string[];
  readonly rawEcho: readonly string[];
  readonly rawResult: readonly string[];
}

/** How an actual output compares with the best of the expected variants. */
export interface Score {
  readonly fileMatches: boolean;
  readonly good: number;
  readonly total: number;
  /** Expected statements, in order. */
  readonly expected: readonly Chunk[];
  /** passed[i]: expected statement i came out as it must. */
  readonly passed: readonly boolean[];
  /** For failed statements: the actual statement with the same echo nearest in order, when there is one. */
  readonly actualOf: ReadonlyMap<number, Chunk>;
}

/** Removes all white space, as `diff -w` sees lines. */
export function squeeze(text: string): string {
  return text.replace(/\s+/g, '');
}

function hasText(line: string): boolean {
  return /\S/.test(line);
}

/** The script's lines that `psql -a` echoes: blank lines and COPY data are left out. */
export function scriptLines(sql: string): string[] {
  const out: string[] = [];
  let copying = false;
  for (const line of sql.split('\n')) {
    if (copying) {
      if (line.trim() === '\\.') copying = false;
      continue;
    }
    if (!hasText(line)) continue;
    out.push(line);
    const bare = line.replace(/--.*$/, '').trim().toLowerCase();
    if (/from\s+stdin\b.*;$/.test(bare)) copying = true;
  }
  return out;
}

/** True when an echoed line ends a statement. */
function endsStatement(line: string): boolean {
  const bare = line.replace(/\s--.*$/, '').trim();
  return bare.endsWith(';') || bare.startsWith('\\') || bare.includes('\\g') || bare.includes('\\;');
}

/** Splits `psql -a` output into statements by walking the script's lines in order. */
export function chunks(script: readonly string[], output: string): Chunk[] {
  const found: Chunk[] = [];
  let echo: string[] = [];
  let result: string[] = [];
  let next = 0;
  const flush = (): void => {
    if (echo.some((line) => hasText(line) && !line.trim().startsWith('--'))) {
      const squeezedEcho = echo.map(squeeze);
      const squeezedResult = result.map(squeeze).filter((line) => line !== '');
      const key = JSON.stringify([squeezedEcho, squeezedResult]);
      found.push({ key, echo: squeezedEcho, result: squeezedResult, rawEcho: echo, rawResult: result });
    }
    echo = [];
    result = [];
  };
  for (const line of output.split('\n')) {
    if (!hasText(line)) continue;
    if (next < script.length && script[next] === line) {
      if (result.length > 0 || (echo.length > 0 && endsStatement(echo[echo.length - 1]))) flush();
      echo.push(line);
      next++;
    } else {
      result.push(line);
    }
  }
  if (echo.length > 0 || result.length > 0) flush();
  return found;
}

/** A run of equal elements: a[aStart..] and b[bStart..], `size` long. */
export interface MatchingBlock {
  readonly aStart: number;
  readonly bStart: number;
  readonly size: number;
}

/** difflib.SequenceMatcher(a, b, autojunk=False).get_matching_blocks(), without the closing dummy. */
export function matchingBlocks(a: readonly string[], b: readonly string[]): MatchingBlock[] {
  const positions = new Map<string, number[]>();
  b.forEach((key, index) => {
    const list = positions.get(key);
    if (list) list.push(index);
    else positions.set(key, [index]);
  });
  const blocks: MatchingBlock[] = [];
  const queue: [number, number, number, number][] = [[0, a.length, 0, b.length]];
  while (queue.length > 0) {
    const [aLow, aHigh, bLow, bHigh] = queue.pop()!;
    const match = longestMatch(a, positions, aLow, aHigh, bLow, bHigh);
    if (match.size === 0) continue;
    blocks.push(match);
    if (aLow < match.aStart && bLow < match.bStart) queue.push([aLow, match.aStart, bLow, match.bStart]);
    if (match.aStart + match.size < aHigh && match.bStart + match.size < bHigh) {
      queue.push([match.aStart + match.size, aHigh, match.bStart + match.size, bHigh]);
    }
  }
  return blocks.toSorted((left, right) => left.aStart - right.aStart);
}

/** The longest run of equal elements within the window; the earliest in a, then in b, among equals. */
function longestMatch(
  a: readonly string[], positions: ReadonlyMap<string, readonly number[]>,
  aLow: number, aHigh: number, bLow: number, bHigh: number,
): MatchingBlock {
  let best: MatchingBlock = { aStart: aLow, bStart: bLow, size: 0 };
  let lengths = new Map<number, number>();
  for (let i = aLow; i < aHigh; i++) {
    const current = new Map<number, number>();
    for (const j of positions.get(a[i]) ?? []) {
      if (j < bLow) continue;
      if (j >= bHigh) break;
      const size = (lengths.get(j - 1) ?? 0) + 1;
      current.set(j, size);
      if (size > best.size) best = { aStart: i - size + 1, bStart: j - size + 1, size };
    }
    lengths = current;
  }
  return best;
}

/** Compares an output with every expected variant and returns the score against the best one. */
export function scoreFile(sql: string, expectedVariants: readonly string[], actual: string): Score {
  const script = scriptLines(sql);
  const actualChunks = chunks(script, actual);
  const actualKeys = actualChunks.map((chunk) => chunk.key);
  const squeezedActual = squeezedLines(actual);
  let best: Score | null = null;
  for (const variant of expectedVariants) {
    const expected = chunks(script, variant);
    const blocks = matchingBlocks(expected.map((chunk) => chunk.key), actualKeys);
    const good = blocks.reduce((sum, block) => sum + block.size, 0);
    if (best && good / Math.max(1, expected.length) <= best.good / Math.max(1, best.total)) continue;
    const passed = Array.from({ length: expected.length }, () => false);
    for (const block of blocks) passed.fill(true, block.aStart, block.aStart + block.size);
    best = { fileMatches: false, good, total: expected.length, expected, passed, actualOf: pairFailures(expected, passed, actualChunks) };
  }
  const score = best ?? { fileMatches: false, good: 0, total: 0, expected: [], passed: [], actualOf: new Map<number, Chunk>() };
  if (!expectedVariants.some((variant) => squeezedLines(variant) === squeezedActual)) return score;
  return { ...score, fileMatches: true, good: score.total, passed: score.passed.map(() => true), actualOf: new Map() };
}

function squeezedLines(text: string): string {
  return text.split('\n').map(squeeze).filter((line) => line !== '').join('\n');
}

/** Finds for each failed statement the actual one with the same echo, in order, to show what it printed instead. */
function pairFailures(expected: readonly Chunk[], passed: readonly boolean[], actual: readonly Chunk[]): Map<number, Chunk> {
  const byEcho = new Map<string, Chunk[]>();
  for (const chunk of actual) {
    const echo = chunk.echo.join('\n');
    const list = byEcho.get(echo);
    if (list) list.push(chunk);
    else byEcho.set(echo, [chunk]);
  }
  const seen = new Map<string, number>();
  const pairs = new Map<number, Chunk>();
  expected.forEach((chunk, index) => {
    const echo = chunk.echo.join('\n');
    const occurrence = seen.get(echo) ?? 0;
    seen.set(echo, occurrence + 1);
    const list = byEcho.get(echo);
    if (!passed[index] && list) pairs.set(index, list[Math.min(occurrence, list.length - 1)]);
  });
  return pairs;
}
