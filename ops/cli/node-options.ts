/**
 * How Node runs a server: what the command's first line and `npm start` say (each in its own words, being read by others), for those who start
 * one as a child.
 *
 * - A small young generation: what a statement leaves behind is small, and the default of 16 MB counts three times as memory.
 * - No pretenuring: V8 would make objects of chunks old from the beginning once many of them stayed, and then keep the bytes of every
 *   chunk that only passes by until the next large collection. Point reads beyond the budget: a quarter of the large collections, a tenth to a fifth less CPU.
 */
export const NODE_OPTIONS = ['--max-semi-space-size=4', '--no-allocation-site-pretenuring'] as const;
