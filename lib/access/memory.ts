/**
 * The memory budget (`shared_buffers`): how much resident data weighs, and a clock over it that lets go of what is at rest as
 * it is in memory. What cannot go that easily (not written yet, not committed) is the business of `relief.ts`.
 */

import type { ByteRooms } from '../base/byte-rooms.js';
import type { HeapChunk } from './chunk.js';
import { chunkRooms, waitingBytes } from './chunk-rooms.js';

/** A resident piece of data: a chunk or a leaf. */
export interface Resident {
  referenced: boolean;
  /** Where the budget has it among what is resident; -1: it is not. */
  budgetPlace: number;
  /** Memory held, roughly, in bytes. */
  bytes(): number;
  /** Whether the copy at rest (or swapped out) says the same to everybody. */
  evictable(): boolean;
  /** Leaves memory. */
  evict(): void;
}

/** Items looked at in vain before a load gives up making room: what is dirty goes by `relief.ts`. */
const MAX_LOOKS = 256;
/** See `MemoryBudget.giveWay`: what is left of the budget at least, and by how much of it the limit rises at a time at most. */
const LEAST_SHARE = 1 / 2;
const RISE_SHARE = 1 / 16;
/** See `MemoryBudget.keeps`: how long ago is lately; how little of a budget that was full is in use when there is room again. */
const REREAD_SHARE = 0.5;
const ROOMY_SHARE = 0.9;
const MOMENT_BYTES = 1 << 10;

/** Accounting and eviction. */
export class MemoryBudget {
  used = 0;
  /** What data may take at present, in bytes: the budget, or a part of it. */
  limit: number;
  evictions = 0;
  /** Chunks and leaves asked for: found in memory, and loaded. */
  hits = 0;
  reads = 0;
  /** The chunk that was read last without being kept. */
  passing: HeapChunk | null = null;
  readonly rooms: ByteRooms;
  /** Bytes of chunks and leaves that were read without being kept: tells how long ago one was. */
  private passed = 0;
  /** Something had to go to make room. */
  private isFull = false;
  private readonly items: Resident[] = [];
  private hand = 0;

  /** `exceeded` is called (often) while more than the limit is in use after evicting what could be evicted. */
  constructor(readonly budget: number, private readonly exceeded: () => void) {
    this.limit = budget;
    this.rooms = chunkRooms(budget);
  }

  /**
   * The process has so many bytes more than it should have (negative: fewer). What data may take falls by as much where they fill it
   * anyway, and rises again by and by. Data that fit the budget stay: what is read again would cost more than it saves.
   */
  giveWay(bytes: number): void {
    if (bytes > 0 ? !this.isFull : this.limit === this.budget) return;
    const change = Math.max(bytes, -this.budget * RISE_SHARE);
    this.limit = Math.min(this.budget, Math.max(this.budget * LEAST_SHARE, this.limit - change));
    this.rooms.keepAtMost(waitingBytes(this.limit));
    if (this.used > this.limit) this.exceeded();
  }

  /** Data came into memory. */
  add(item: Resident): void {
    item.budgetPlace = this.items.length;
    this.items.push(item);
    this.used += item.bytes();
  }

  /** Data left memory. */
  remove(item: Resident): void {
    const { budgetPlace } = item;
    if (budgetPlace < 0) return;
    item.budgetPlace = -1;
    this.used -= item.bytes();
    const last = this.items.pop() as Resident;
    if (last !== item) {
      this.items[budgetPlace] = last;
      last.budgetPlace = budgetPlace;
    }
  }

  /** Resident data grew or shrank. */
  changed(bytes: number): void {
    this.used += bytes;
    if (this.used > this.limit) this.exceeded();
  }

  /**
   * Whether a chunk or leaf that is loaded for reading alone should be kept: there is room, or it was read before, lately (`before`: what `pass`
   * said then), so that a part of the budget would have held it until now. Else reading a table that is larger than the budget, in whatever
   * order, would drive out what others come back to, and cost its own eviction on top.
   */
  keeps(before: number): boolean {
    if (this.isFull && this.used < this.limit * ROOMY_SHARE) this.isFull = false;
    return !this.isFull || (before > 0 && this.passed - before * MOMENT_BYTES <= this.limit * REREAD_SHARE);
  }

  /** So many bytes were read without being kept; the moment, for `keeps`: a small number, of which many are kept. */
  pass(bytes: number): number {
    this.passed += bytes;
    return Math.ceil(this.passed / MOMENT_BYTES);
  }

  /** The same for a chunk, whose room others may have from the next one on. */
  passChunk(chunk: HeapChunk): number {
    this.passing?.room?.release();
    this.passing = chunk;
    return this.pass(chunk.bytes());
  }

  /** Everything resident. */
  residents(): readonly Resident[] {
    return this.items;
  }

  /** Evicts, least recently used first (by a clock), until `room` bytes more fit the budget or nothing can go. */
  makeRoom(room: number): void {
    const target = this.limit - room;
    let looked = 0;
    const limit = Math.min(2 * this.items.length, MAX_LOOKS);
    if (this.used > target) this.isFull = true;
    while (this.used > target && looked < limit) {
      if (this.hand >= this.items.length) this.hand = 0;
      const item = this.items[this.hand];
      looked++;
      if (item.referenced) {
        item.referenced = false;
        this.hand++;
      } else if (item.evictable()) {
        item.evict();
        this.evictions++;
        looked = Math.max(0, looked - 2);
      } else this.hand++;
    }
  }
}
