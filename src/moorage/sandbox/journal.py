"""
What outlives the process: every object in one SQLite file, written by one thread.

Writes are queued in order and committed in batches; `kept` waits for the batch
of a write, and many requests wait for one. A process that is killed loses
nothing it waited for, and never the order.
"""

from __future__ import annotations

import asyncio
import contextlib
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
_GAP = 10_000
"""How far versions jump at a start: a killed process may have told of some that were not kept."""


class SqliteJournal:
    """Keeps a store's writes in a file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = path
        self._rows: queue.SimpleQueue[_Row | None] = queue.SimpleQueue()
        self._failure: sqlite3.Error | None = None
        self._committed = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
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
            if row:
                store.version = max(store.version, row[0]) + _GAP
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

    async def kept(self, version: int) -> None:
        """Return once all writes up to `version` are in the file. Raises sqlite3.Error when it cannot be written."""
        self._loop = asyncio.get_running_loop()
        if self._failure is None and self._committed < version:
            future: asyncio.Future[None] = self._loop.create_future()
            self._waiting.append((version, future))
            # The thread may have been done between our look and our entry.
            if self._committed >= version or self._failure is not None:
                self._wake()
            await future
        if self._failure is not None:
            raise self._failure

    def _wake(self) -> None:
        left = []
        for version, future in self._waiting:
            if version > self._committed and self._failure is None:
                left.append((version, future))
            elif not future.done():
                future.set_result(None)
        self._waiting = left

    def _call_loop(self) -> None:
        if self._loop is not None and self._waiting:
            # A loop that is closed has nobody left who waits.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """Write what is queued and end the thread; whoever could not be kept was told so before."""
        self._rows.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection = self._connect()
        try:
            while self._write_batch(connection):
                pass
        except sqlite3.Error as failure:
            self._failure = failure
            self._call_loop()
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
        if rows:
            self._committed = rows[-1][2]
            self._call_loop()
        return going
