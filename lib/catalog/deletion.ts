/**
 * DROP: finds everything that must go with an object, reports it as PostgreSQL does, and drops it in an order that never
 * leaves a dependent behind (catalog/dependency.c: findDependentObjects, reportDependentObjects, deleteObjectsInList).
 *
 * How an object of each class is dropped and locked is the commands' affair: they come in as `DeletionHooks`.
 */
import { pgError, type PgError } from '../base/error.js';
import type { Suspendable } from '../base/suspend.js';
import { isPinned, objectAddress, sameAddress, type ObjectAddress } from './address.js';
import type { Catalog } from './api.js';
import { dependenciesOf, dependentsOn, type DependencyType } from './depend.js';
import { objectDescription } from './description.js';
import { deleteSharedDependencies } from './shared-depend.js';
import { catalogByOid } from './shapes.js';

/** What commands contribute to a deletion. */
export interface DeletionHooks {
  /** Takes the lock that dropping the object needs; true when that had to wait. */
  lock?(object: ObjectAddress): Suspendable<boolean>;
  /** Removes the object's own rows and files. Dependencies, comments and labels go afterwards, here. */
  drop(object: ObjectAddress): Suspendable<void>;
  notice(notice: PgError): void;
}

/** How to delete. */
export interface DeletionOptions {
  readonly cascade: boolean;
  /** No notices about what goes along. */
  readonly quietly?: boolean;
  /** Not the given objects themselves, only what depends on them. */
  readonly skipOriginal?: boolean;
  /** Members of extensions do not pull their extension along. */
  readonly skipExtensions?: boolean;
}

/** Most dependents that a message lists. */
const MAX_REPORTED = 100;

// How an object was reached.
const ORIGINAL = 0x1;
const NORMAL = 0x2;
const AUTO = 0x4;
const INTERNAL = 0x8;
const PARTITION = 0x10;
const EXTENSION = 0x20;
const REVERSE = 0x40;
const IS_PART = 0x80;
const SUBOBJECT = 0x100;

const REACHED: Readonly<Record<DependencyType, number>> = { n: NORMAL, a: AUTO, x: AUTO, i: INTERNAL, P: PARTITION, S: PARTITION, e: EXTENSION };

/** An object to delete. */
interface Target {
  readonly object: ObjectAddress;
  flags: number;
  /** Through which object it was reached; null for the given ones. */
  readonly dependee: ObjectAddress | null;
}

/** An object whose dependents are being looked at. */
interface Frame {
  readonly object: ObjectAddress;
  flags: number;
  readonly next: Frame | null;
}

/** What an object belongs to. */
interface Owners {
  owning: ObjectAddress | null;
  partition: ObjectAddress | null;
  /** The object is already taken care of with its owner. */
  done: boolean;
}

/** Drops one object with what must go with it. 2BP01 when others depend on it (RESTRICT), when it is part of another, or pinned. */
export function performDeletion(catalog: Catalog, object: ObjectAddress, options: DeletionOptions, hooks: DeletionHooks): Suspendable<void> {
  return performDeletions(catalog, [object], options, hooks);
}

/** Throws what `performDeletion` would throw, and does nothing else: for a deletion that comes later. */
export function* checkDeletion(catalog: Catalog, object: ObjectAddress, options: DeletionOptions, notice: DeletionHooks['notice']): Suspendable<void> {
  yield* findTargets(catalog, [object], options, { notice });
}

/** What goes with the objects, reported. */
function* findTargets(catalog: Catalog, objects: readonly ObjectAddress[], options: DeletionOptions, hooks: Omit<DeletionHooks, 'drop'>): Suspendable<readonly Target[]> {
  const search = new DependentSearch(catalog, objects, options, hooks);
  for (const object of objects) {
    if (hooks.lock) yield* hooks.lock(object);
    yield* search.find(object, ORIGINAL, null);
  }
  report(catalog, search.targets, options, objects.length === 1 ? objects[0] : null, hooks);
  return search.targets;
}

/** Drops several objects together: dependencies among them do not hinder. */
export function* performDeletions(catalog: Catalog, objects: readonly ObjectAddress[], options: DeletionOptions, hooks: DeletionHooks): Suspendable<void> {
  if (objects.length === 0) return;
  for (const target of yield* findTargets(catalog, objects, options, hooks)) {
    if (options.skipOriginal && target.flags & ORIGINAL) continue;
    yield* hooks.drop(target.object);
    catalog.commandCounterIncrement();
    deleteTraces(catalog, target.object);
    catalog.commandCounterIncrement();
  }
}

/** The depth-first search: dependents come before what they depend on. */
class DependentSearch {
  readonly targets: Target[] = [];
  /** The targets by object OID: thousands go with a schema. */
  private readonly byOid = new Map<number, Target[]>();

  constructor(
    private readonly catalog: Catalog, private readonly given: readonly ObjectAddress[],
    private readonly options: DeletionOptions, private readonly hooks: Omit<DeletionHooks, 'drop'>,
  ) {}

  *find(object: ObjectAddress, reached: number, stack: Frame | null): Suspendable<void> {
    if (onStack(object, reached, stack) || this.isTarget(object, reached)) return;
    if (isPinned(object.classId, object.objectId)) {
      throw pgError('DEPENDENT_OBJECTS_STILL_EXIST', `cannot drop ${this.describe(object)} because it is required by the database system`);
    }
    const frame: Frame = { object, flags: reached, next: stack };
    const owners: Owners = { owning: null, partition: null, done: false };
    yield* this.findOwners(frame, owners);
    if (owners.done) return;
    if (owners.owning) throw requires(this.describe(object), this.describe(owners.owning));
    for (const { address, flags } of this.dependents(object)) {
      // While it waited, the dependent may have gone, or have been told to depend on another object.
      if (this.hooks.lock && (yield* this.hooks.lock(address)) && !this.dependents(object).some((other) => sameAddress(other.address, address))) continue;
      yield* this.find(address, flags, frame);
    }
    const dependee = frame.flags & IS_PART ? owners.partition : stack?.object ?? null;
    this.add({ object, flags: frame.flags, dependee });
  }

  private add(target: Target): void {
    this.targets.push(target);
    const same = this.byOid.get(target.object.objectId);
    if (same) same.push(target);
    else this.byOid.set(target.object.objectId, [target]);
  }

  /** Follows internal dependencies to the object that this one is part of: that one must go instead, or was the reason. */
  private *findOwners(frame: Frame, owners: Owners): Suspendable<void> {
    const { object, next: stack } = frame;
    for (const row of dependenciesOf(this.catalog, object)) {
      const other = objectAddress(row.refclassid, row.refobjid, row.refobjsubid);
      if (other.classId === object.classId && other.objectId === object.objectId && object.subId === 0) continue;
      switch (row.deptype as DependencyType) {
        case 'P': {
          frame.flags |= IS_PART;
          owners.partition = other;
          break;
        }
        case 'S': {
          if (!(frame.flags & IS_PART)) owners.partition = other;
          frame.flags |= IS_PART;
          break;
        }
        case 'e': case 'i': {
          if (row.deptype === 'e' && this.options.skipExtensions) break;
          if (stack === null) {
            if (this.given.some((address) => sameAddress(address, other))) {
              owners.done = true;
              return;
            }
            if (!owners.owning || row.deptype === 'e') owners.owning = other;
            break;
          }
          if (onStack(other, 0, stack)) break;
          if (this.hooks.lock) yield* this.hooks.lock(other);
          yield* this.find(other, REVERSE, stack);
          this.isTarget(object, frame.flags);
          owners.done = true;
          return;
        }
        default:
      }
    }
  }

  /** What depends on the object, newest first. */
  private dependents(object: ObjectAddress): { address: ObjectAddress; flags: number }[] {
    const found = dependentsOn(this.catalog, object)
      .map((row) => ({ address: objectAddress(row.classid, row.objid, row.objsubid), flags: REACHED[row.deptype as DependencyType] ?? NORMAL }))
      .filter(({ address }) => !(address.classId === object.classId && address.objectId === object.objectId && object.subId === 0));
    return found.sort(({ address: a }, { address: b }) => b.objectId - a.objectId || a.classId - b.classId || a.subId - b.subId);
  }

  /** Is the object (or the whole it is part of) to be deleted already? Then it is also reached this way. */
  private isTarget(object: ObjectAddress, reached: number): boolean {
    let found = false;
    for (const target of this.byOid.get(object.objectId) ?? []) {
      if (target.object.classId !== object.classId) continue;
      if (target.object.subId === object.subId) {
        target.flags |= reached;
        found = true;
      } else if (target.object.subId === 0) found = true;
      // the whole is being deleted: its part, a target already, needs no report of its own
      else if (object.subId === 0 && reached) target.flags |= SUBOBJECT;
    }
    return found;
  }

  private describe(object: ObjectAddress): string {
    return objectDescription(this.catalog, object) ?? `object ${object.classId}/${object.objectId}`;
  }
}

/** Is the object (or the whole it is part of) being looked at already? Then it is also reached this way. */
function onStack(object: ObjectAddress, reached: number, stack: Frame | null): boolean {
  for (let frame = stack; frame !== null; frame = frame.next) {
    if (frame.object.classId !== object.classId || frame.object.objectId !== object.objectId) continue;
    if (frame.object.subId === object.subId) {
      frame.flags |= reached;
      return true;
    }
    if (frame.object.subId === 0) return true;
    if (object.subId === 0 && reached) frame.flags |= SUBOBJECT;
  }
  return false;
}

function requires(what: string, owner: string): PgError {
  return pgError('DEPENDENT_OBJECTS_STILL_EXIST', `cannot drop ${what} because ${owner} requires it`, { hint: `You can drop ${owner} instead.` });
}

/** Refuses under RESTRICT, tells under CASCADE; what goes along automatically is not worth a word. */
function report(catalog: Catalog, targets: readonly Target[], options: DeletionOptions, original: ObjectAddress | null, hooks: Omit<DeletionHooks, 'drop'>): void {
  for (const target of targets) {
    if (target.flags & IS_PART && !(target.flags & PARTITION) && target.dependee) {
      throw requires(objectDescription(catalog, target.object) ?? '', objectDescription(catalog, target.dependee) ?? '');
    }
  }
  const lines: string[] = [];
  let total = 0;
  for (const target of [...targets].reverse()) {
    if (target.flags & (ORIGINAL | SUBOBJECT | AUTO | INTERNAL | PARTITION | EXTENSION)) continue;
    const description = objectDescription(catalog, target.object);
    if (description === null) continue;
    const dependee = target.dependee && objectDescription(catalog, target.dependee);
    if (!options.cascade && dependee === null) continue;
    total++;
    if (lines.length < MAX_REPORTED) lines.push(options.cascade ? `drop cascades to ${description}` : `${description} depends on ${dependee}`);
  }
  if (total === 0) return;
  const rest = total - lines.length;
  const more = rest === 0 ? '' : `\nand ${rest} other object${rest === 1 ? '' : 's'} (see server log for list)`;
  const detail = lines.join('\n') + more;
  if (!options.cascade) {
    const message = original
      ? `cannot drop ${objectDescription(catalog, original) ?? ''} because other objects depend on it`
      : 'cannot drop desired object(s) because other objects depend on them';
    throw pgError('DEPENDENT_OBJECTS_STILL_EXIST', message, { detail, hint: 'Use DROP ... CASCADE to drop the dependent objects too.' });
  }
  if (options.quietly) return;
  if (total === 1) hooks.notice(pgError('SUCCESSFUL_COMPLETION', detail, { severity: 'NOTICE' }));
  else hooks.notice(pgError('SUCCESSFUL_COMPLETION', `drop cascades to ${total} other objects`, { severity: 'NOTICE', detail }));
}

/** Removes what other catalogs say about a dropped object: its dependencies, comments, labels, initial privileges. */
export function deleteTraces(catalog: Catalog, object: ObjectAddress): void {
  const { classId, objectId, subId } = object;
  for (const row of dependenciesOf(catalog, object)) catalog.table('pg_depend').delete(row);
  const shared = catalogByOid(classId)?.shape.shared ?? false;
  deleteSharedDependencies(catalog, object);
  if (shared) {
    const where = { objoid: objectId, classoid: classId };
    for (const row of catalog.table('pg_shdescription').find(where)) catalog.table('pg_shdescription').delete(row);
    for (const row of catalog.table('pg_shseclabel').find(where)) catalog.table('pg_shseclabel').delete(row);
    return;
  }
  const where = subId === 0 ? { objoid: objectId, classoid: classId } : { objoid: objectId, classoid: classId, objsubid: subId };
  for (const row of catalog.table('pg_description').find(where)) catalog.table('pg_description').delete(row);
  for (const row of catalog.table('pg_seclabel').find(where)) catalog.table('pg_seclabel').delete(row);
  for (const row of catalog.table('pg_init_privs').find(where)) catalog.table('pg_init_privs').delete(row);
}
