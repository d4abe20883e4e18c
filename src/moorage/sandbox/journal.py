"""
What outlives the process: every object in one SQLite file, written by one thread.

Writes are queued in order and committed in batches, so a request never waits
for the disk; a process that is killed may lose the last moments, never the
order.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from pathlib import Path

import orjson

from moorage.sandbox.store import Entry, Key, Store

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    grp TEXT NOT NULL, plural TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    version INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (grp, plural, namespace, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL);
"""
_Row = tuple[tuple[str, str], Key, int, bytes | None]
_BATCH = 1000


class SqliteJournal:
    """Keeps a store's writes in a file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = path
        self._rows: queue.SimpleQueue[_Row | None] = queue.SimpleQueue()
        self._failure: sqlite3.Error | None = None
        with self._connect() as connection:
            connection.executescript(_SCHEMA)
        connection.close()
        self._thread = threading.Thread(target=self._run, name="sandbox-journal", daemon=True)
        self._thread.start()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def load(self, store: Store) -> None:
        """Fill a store with what the file holds."""
        connection = self._connect()
        try:
            for group, plural, namespace, name, version, body in connection.execute("SELECT * FROM objects"):
                store.load(group, plural, (namespace, name), Entry(orjson.loads(body), version))
            row = connection.execute("SELECT version FROM counter").fetchone()
            store.version = max(store.version, row[0] if row else 0)
        finally:
            connection.close()
        for collection in store.collections.values():
            collection.floor = store.version

    def wrote(self, resource: tuple[str, str], key: Key, entry: Entry) -> None:
        """Keep an object."""
        body = entry.body
        head = f'{{"kind":"{body["kind"]}","apiVersion":"{body["apiVersion"]}",'.encode()
        self._put((resource, key, entry.version, head + entry.tail))

    def removed(self, resource: tuple[str, str], key: Key, version: int) -> None:
        """Forget an object."""
        self._put((resource, key, version, None))

    def _put(self, row: _Row) -> None:
        if self._failure is not None:
            raise self._failure
        self._rows.put(row)

    def close(self) -> None:
        """Write what is queued and end the thread."""
        self._rows.put(None)
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        connection = self._connect()
        try:
            while self._write_batch(connection):
                pass
        except sqlite3.Error as failure:
            self._failure = failure
        finally:
            connection.close()

    def _write_batch(self, connection: sqlite3.Connection) -> bool:
        rows: list[_Row] = []
        going = True
        row = self._rows.get()
        while going:
            if row is None:
                going = False
                break
            rows.append(row)
            if len(rows) >= _BATCH or self._rows.empty():
                break
            row = self._rows.get()
        with connection:
            for (group, plural), (namespace, name), version, body in rows:
                if body is None:
                    connection.execute(
                        "DELETE FROM objects WHERE grp=? AND plural=? AND namespace=? AND name=?",
                        (group, plural, namespace, name),
                    )
                else:
                    connection.execute(
                        "INSERT OR REPLACE INTO objects VALUES (?,?,?,?,?,?)",
                        (group, plural, namespace, name, version, body),
                    )
            if rows:
                connection.execute("INSERT OR REPLACE INTO counter VALUES (1, ?)", (rows[-1][2],))
        return going
