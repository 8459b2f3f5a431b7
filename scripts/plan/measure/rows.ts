/**
 * Counts the rows that an object's SQLite storage reads and writes, as Cloudflare bills them: by the cursors' own
 * `rowsRead` and `rowsWritten`, and one row for each `setAlarm`. Runs inside workerd; changes nothing that passes through.
 * https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/#exec
 */
import * as v from "valibot";

export const ROWS_PATH = "/plan/rows";

const total = v.object({ read: v.number(), written: v.number(), bytes: v.number() });
/** By the object's class. `bytes`: what the databases of its objects take together. */
export const rowsDocument = v.record(v.string(), total);
export type Rows = v.InferOutput<typeof rowsDocument>;

interface Cursor {
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

interface Sql {
  exec: (...args: readonly unknown[]) => Cursor;
  readonly databaseSize: number;
}

/** What this module needs of a Durable Object's context. */
export interface MeteredContext {
  readonly storage: { readonly sql: Sql; setAlarm: (...args: readonly unknown[]) => Promise<void> };
}

interface Meter {
  read: number;
  written: number;
  /** By object: the size of its database when it last did something. */
  readonly bytes: Map<Sql, number>;
}

/** A cursor that so many others follow has been read to its end. Those last few of each object are not in the counts. */
const OPEN_MOST = 4;

/** A database's size is looked at with every 64th statement: asking costs as much as a statement. */
const SIZE_EVERY = 64;

const meters = new Map<string, Meter>();

function meterOf(className: string): Meter {
  const meter = meters.get(className) ?? { read: 0, written: 0, bytes: new Map<Sql, number>() };
  meters.set(className, meter);
  return meter;
}

/** To be called in the constructor of an object, before its own work. */
export function meterRows(className: string, { storage }: MeteredContext): void {
  const meter = meterOf(className);
  const { sql } = storage;
  const open: Cursor[] = [];
  let calls = 0;
  const exec = sql.exec.bind(sql);
  sql.exec = (...args) => {
    const cursor = exec(...args);
    open.push(cursor);
    // Looked at while the object is at work: workerd lets nobody else ask a cursor or a database.
    const read = open.length > OPEN_MOST ? open.shift() : undefined;
    meter.read += read?.rowsRead ?? 0;
    meter.written += read?.rowsWritten ?? 0;
    if (calls++ % SIZE_EVERY === 0) meter.bytes.set(sql, sql.databaseSize);
    return cursor;
  };
  const setAlarm = storage.setAlarm.bind(storage);
  storage.setAlarm = (...args) => {
    meter.written += 1;
    return setAlarm(...args);
  };
}

export function readRows(): Rows {
  return Object.fromEntries(
    Array.from(meters, ([className, { read, written, bytes }]) => {
      const sizes = Array.from(bytes.values()).reduce((sum, size) => sum + size, 0);
      return [className, { read, written, bytes: sizes }];
    }),
  );
}
