import type { ColumnType } from 'kysely';

export type WithDefault<T> = ColumnType<T, T | undefined, T>;
/** Written as text. */
export type Timestamp = ColumnType<Date, string | Date, string | Date>;
export type NullableTimestamp = ColumnType<Date | null, string | null, string | null>;
export type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>;
