"""A PostgreSQL table: one row a contact, written where it is new and updated where it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from orchestration.activation.destination import DestinationError, Outcome, Record, Work
from orchestration.activation.mapping import CrmMapping, Values
from orchestration.activation.opening import Wait, secret
from orchestration.activation.patience import Patience, TransientError
from orchestration.settings import Settings

BATCH = 1_000


class PostgresDestination:
    """One table with the id as its key. A batch is a transaction; values are parameters, names are quoted."""

    batch_size = at_once = BATCH
    writable: frozenset[str] | None = None

    def __init__(self, settings: Settings, crm: str, mapping: CrmMapping, wait: Wait) -> None:
        self.calls = 0
        self._dsn = secret(settings, crm)
        self._timeout = settings.crm_timeout
        self._table = sql.Identifier(*str(mapping.object).split("."))
        self._id_name = mapping.id_field
        self._patience = Patience(settings.crm_patience, wait)
        self._connection: psycopg.Connection[dict[str, object]] | None = None

    def send(self, records: Sequence[Record], work: Work) -> list[Outcome]:
        return self._patience.call(lambda: self._batch(records))

    def _batch(self, records: Sequence[Record]) -> list[Outcome]:
        """All rows in one transaction; where one of them is refused, each in a savepoint of its own."""
        connection = self._open()
        try:
            try:
                self._write(connection, records)
                connection.commit()
            except psycopg.DataError:
                connection.rollback()
            except psycopg.IntegrityError:
                connection.rollback()
            else:
                return [Outcome(record.contact_id, "confirmed") for record in records]
            outcomes = [self._alone(connection, record) for record in records]
            connection.commit()
        except psycopg.Error as error:
            raise self._sorted(error) from error
        return outcomes

    def _alone(self, connection: psycopg.Connection[dict[str, object]], record: Record) -> Outcome:
        try:
            with connection.transaction():
                self._write(connection, [record])
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            return Outcome(record.contact_id, "refused", _said(error))
        return Outcome(record.contact_id, "confirmed")

    def _write(self, connection: psycopg.Connection[dict[str, object]], records: Sequence[Record]) -> None:
        groups: dict[tuple[str, ...], list[Record]] = {}
        for record in records:
            groups.setdefault(tuple(record.values), []).append(record)
        with connection.cursor() as cursor:
            for fields, group in groups.items():
                self.calls += 1
                rows = [[record.contact_id, *record.values.values()] for record in group]
                cursor.executemany(upsert(self._table, self._id_name, fields), rows)

    def settle(self, handle: str) -> None:
        """A transaction ends with its connection."""

    def read(self, contact_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Values]:
        query = select(self._table, self._id_name, fields)
        rows = self._patience.call(lambda: self._select(query, list(contact_ids)))
        return {str(row[self._id_name]): {name: row[name] for name in fields} for row in rows}  # type: ignore[misc]

    def _select(self, query: sql.Composed, ids: list[str]) -> list[dict[str, object]]:
        connection = self._open()
        self.calls += 1
        try:
            with connection.cursor() as cursor:
                found = cursor.execute(query, [ids]).fetchall()
            connection.rollback()
            return found
        except psycopg.Error as error:
            raise self._sorted(error) from error

    def _open(self) -> psycopg.Connection[dict[str, object]]:
        if self._connection is None or self._connection.closed:
            try:
                self._connection = psycopg.connect(
                    self._dsn,
                    row_factory=dict_row,
                    connect_timeout=max(2, int(self._timeout)),
                    options=f"-c statement_timeout={int(self._timeout * 1000)}",
                )
            except psycopg.OperationalError as error:
                raise self._sorted(error) from None
            except psycopg.ProgrammingError:
                raise DestinationError(
                    "the connection string in STATURE_CRM_SECRETS is none that PostgreSQL understands"
                ) from None
        return self._connection

    def _sorted(self, error: psycopg.Error) -> Exception:
        """What may pass by itself, and what somebody must mend."""
        if self._connection is not None:
            self._connection.close()
        state = error.sqlstate
        if state is not None and state[:2] in ("28", "42", "3D", "3F"):
            return DestinationError(f"PostgreSQL: {_said(error)}")
        if state is None and "authentication failed" in str(error):
            return DestinationError("PostgreSQL does not let us in: look at STATURE_CRM_SECRETS")
        return TransientError(f"PostgreSQL: {_said(error)}")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def upsert(table: sql.Identifier, id_field: str, fields: Sequence[str]) -> sql.Composed:
    """The statement that writes one record: the id, then the fields, as parameters."""
    names = [sql.Identifier(name) for name in fields]
    return sql.SQL(
        "insert into {table} ({id}, {names}) values ({marks}) on conflict ({id}) do update set {updates}"
    ).format(
        table=table,
        id=sql.Identifier(id_field),
        names=sql.SQL(", ").join(names),
        marks=sql.SQL(", ").join([sql.Placeholder()] * (len(names) + 1)),
        updates=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in names),
    )


def select(table: sql.Identifier, id_field: str, fields: Sequence[str]) -> sql.Composed:
    """The query that reads the records of a list of ids, everything as text."""
    return sql.SQL("select {id}::text as {id}, {names} from {table} where {id}::text = any(%s)").format(
        id=sql.Identifier(id_field),
        names=sql.SQL(", ").join(sql.SQL("{0}::text as {0}").format(sql.Identifier(f)) for f in fields),
        table=table,
    )


def _said(error: psycopg.Error) -> str:
    """The server's first line. A connection's error would name the address, so of that only the kind."""
    primary = error.diag.message_primary
    return (primary or type(error).__name__)[:300]
