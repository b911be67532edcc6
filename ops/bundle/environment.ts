/**
 * Environment variables of a server's process: what the C library reads before anything of ours runs. The command's first line and `npm start` set them;
 * other C libraries do not know them.
 *
 * - `MALLOC_ARENA_MAX=1`: one arena for all threads instead of one for each, 50 MB less resident after pgbench.
 * - `GLIBC_TUNABLES=glibc.malloc.hugetlb=1`: large pages for malloc's memory, where the kernel gives them to those who ask (`madvise`). The first touch of
 *   an ordinary page costs 12 µs on a virtual machine with nested page tables in software, 3 s for a gigabyte; such a page, for 2 MB, 0.4 to 4 ms. There: a start
 *   of 0.44 s takes 0.37, recovery of 52 MB of log of small transactions 0.58 s beyond that, 0.43 since; resident memory fresh 61.7 MB and 64.2, after TPC-B 143.6
 *   and 144.3, most memory with 20 M rows the same.
 */
export const ENVIRONMENT = { MALLOC_ARENA_MAX: '1', GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' };

/** The same as a shell's assignments. */
export const ENVIRONMENT_WORDS = Object.entries(ENVIRONMENT).map(([name, value]) => `${name}=${value}`).join(' ');
