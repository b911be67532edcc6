/** Results of the embedded API, and the receiver that builds them. */
import type { Suspend } from '../../base/suspend.js';
import type { CopyInput, CopyOutput } from '../../commands/api.js';
import type { TypeServices } from '../../functions/context.js';
import type { Row } from '../../types/datum.js';
import type { ResultReceiver, ResultShape } from '../client.js';
import { valueReader, type ValueReader } from './values.js';

/** A result's column. */
export interface ResultField {
  readonly name: string;
  readonly dataTypeID: number;
}

/** One statement's result. */
export interface Results<T = Record<string, unknown>> {
  rows: T[];
  fields: ResultField[];
  /** Rows inserted, updated, deleted or merged; of SELECT, 0 as PGlite has it. */
  affectedRows: number;
  /** The command: `SELECT`, `INSERT`, `CREATE TABLE` ... */
  command: string;
}

/** How results are wanted. */
export interface ResultOptions {
  /** 'array': each row an array of values. Default: an object by column name. */
  readonly rowMode?: 'object' | 'array';
  /** Own parsers by type OID, fed with the value's text. */
  readonly parsers?: Readonly<Record<number, (text: string) => unknown>>;
}

/** Collects the results of one call. */
export class ResultCollector implements ResultReceiver {
  readonly results: Results<unknown>[] = [];
  readonly copyOutput: CopyOutput | null = null;
  readonly copyInput: CopyInput | null = null;
  private current: Results<unknown> | null = null;
  private readers: ValueReader[] = [];

  constructor(private readonly types: TypeServices, private readonly options: ResultOptions) {}

  begin(shape: ResultShape): void {
    this.current = {
      rows: [], affectedRows: 0, command: '',
      fields: shape.columns.map((column) => ({ name: column.name, dataTypeID: column.typeOid })),
    };
    this.readers = shape.columns.map((column) => valueReader(column.typeOid, this.types, this.options.parsers?.[column.typeOid]));
  }

  rows(rows: readonly Row[]): Suspend | null {
    const { readers } = this;
    const { rows: target, fields } = this.current!;
    for (const row of rows) {
      if (this.options.rowMode === 'array') {
        target.push(readers.map((read, index) => read(row[index])));
        continue;
      }
      const object: Record<string, unknown> = {};
      for (let i = 0; i < readers.length; i++) object[fields[i].name] = readers[i](row[i]);
      target.push(object);
    }
    return null;
  }

  complete(tag: string): void {
    const result = this.current ?? { rows: [], fields: [], affectedRows: 0, command: '' };
    const match = /^(INSERT \d+|UPDATE|DELETE|MERGE|[A-Z ]+?)(?: (\d+))?$/.exec(tag);
    result.command = match === null ? tag : match[1].replace(/ \d+$/, '');
    result.affectedRows = match?.[2] !== undefined && result.command !== 'SELECT' && result.command !== 'FETCH' ? Number(match[2]) : 0;
    this.results.push(result);
    this.current = null;
  }

  suspended(): void {}

  empty(): void {
    this.results.push({ rows: [], fields: [], affectedRows: 0, command: '' });
  }
}
