#!/usr/bin/env -S MALLOC_ARENA_MAX=1 GLIBC_TUNABLES=glibc.malloc.hugetlb=1 node
/**
 * The `pglitedb` command: `pglitedb primary --data DIR ...`, from its modules one by one (packages run `ops/bundle/command.ts`).
 * Exit codes: 0 clean stop, 1 failure, 2 wrong usage.
 *
 * What the first line sets, and why: `ops/bundle/environment.ts`.
 */
import { enableCompileCache } from './compile-cache.js';

enableCompileCache();
const { runCommandLine } = await import('./program.js');
await runCommandLine();
