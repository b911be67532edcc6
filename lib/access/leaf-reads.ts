/**
 * How the leaves of an index come into memory.
 *
 * To be changed, or read again and again, a leaf is *resident*: its place refers to it, and it counts as memory. A leaf for reading alone may
 * be a copy of what is at rest that passes by (`MemoryBudget.keeps`). What is at rest says the same to everybody, or else the leaf would be resident:
 * a copy is right until its leaf is made resident, after which it may be changed. Whoever reads on from a copy is told by `IndexFile.structureChanges`.
 */
import type { FileNumber } from './api.js';
import { ChunkRoom } from './chunk-rooms.js';
import { KEY_SPACE, valueKey } from './format.js';
import type { FileHost } from './heap-file.js';
import { IndexLeaf, type LeafOwner, type LeafSlot } from './index-leaf.js';
import { decodeLeaf, type DecodedLeaf } from './leaf-values.js';

/** What reading needs of the index. */
export interface LeafReadsOwner extends LeafOwner {
  readonly host: FileHost;
  readonly file: FileNumber;
  addDirty(id: number): void;
  /** Who reads on from copies has to search again. */
  outdateCopies(): void;
}

/** Room made for a leaf before it is loaded. */
const LEAF_ROOM = 8 << 10;

/** See the file's comment. */
export class LeafReads {
  /** The copy that was read last. */
  private passing: IndexLeaf | null = null;
  /** Copies have been given out since they were last outdated. */
  private hasPassed = false;

  constructor(private readonly owner: LeafReadsOwner) {}

  /** The leaf of a place, resident. */
  resident(place: LeafSlot): IndexLeaf {
    return this.inMemory(place) ?? this.load(place);
  }

  /** The leaf of a place for reading alone. */
  toRead(place: LeafSlot): IndexLeaf {
    const leaf = this.inMemory(place);
    if (leaf !== null) return leaf;
    if (this.passing?.place === place) return this.passing;
    // Those with retired entries are swept soon.
    const isOnlyAtRest = place.swapSerial === 0 && place.version !== 0 && !place.retiredAtRest;
    const { memory } = this.owner.host;
    if (!isOnlyAtRest || memory.keeps(place.lastRead)) return this.load(place);
    const copy = this.fromRest(place);
    place.lastRead = memory.pass(copy.bytes());
    this.hasPassed = true;
    return (this.passing = copy);
  }

  /** The index is gone. */
  clear(): void {
    this.passing = null;
  }

  private inMemory({ leaf }: LeafSlot): IndexLeaf | null {
    if (leaf === null) return null;
    leaf.referenced = true;
    this.owner.host.memory.hits++;
    return leaf;
  }

  private load(place: LeafSlot): IndexLeaf {
    const { memory } = this.owner.host;
    memory.makeRoom(LEAF_ROOM);
    // It may be changed now: whoever has a copy of it is to search again.
    if (this.hasPassed) this.owner.outdateCopies();
    this.hasPassed = false;
    const leaf = (place.leaf = this.takePassing(place) ?? (place.swapSerial === 0 ? this.fromRest(place) : this.fromSwap(place)));
    memory.add(leaf);
    return leaf;
  }

  /** The copy that was read last, if it is of this leaf: it becomes the leaf. */
  private takePassing(place: LeafSlot): IndexLeaf | null {
    const { passing } = this;
    if (passing?.place !== place) return null;
    this.passing = null;
    return passing;
  }

  private fromRest(place: LeafSlot): IndexLeaf {
    const leaf = new IndexLeaf(this.owner, place.id, place);
    if (place.version !== 0) leaf.restore(this.read(KEY_SPACE.leaf, place.id, place.version));
    return leaf;
  }

  private fromSwap(place: LeafSlot): IndexLeaf {
    const { id, swapSerial } = place;
    const leaf = new IndexLeaf(this.owner, id, place);
    leaf.restore(this.read(KEY_SPACE.swap, id, swapSerial));
    leaf.swapCopy = { serial: swapSerial, changes: leaf.changes };
    place.swapSerial = 0;
    leaf.dirty = true;
    this.owner.addDirty(id);
    return leaf;
  }

  private read(space: typeof KEY_SPACE.leaf | typeof KEY_SPACE.swap, id: number, version: number): DecodedLeaf {
    const { host, file } = this.owner;
    host.memory.reads++;
    // What is decoded has nothing of these bytes.
    const room = new ChunkRoom(host.memory.rooms);
    const decoded = decodeLeaf(host.readValue(valueKey(space, file, id, version), room));
    room.release();
    return decoded;
  }
}
