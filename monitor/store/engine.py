"""How work reaches the database: one writer that commits together what is queued, and a few readers."""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from monitor.errors import StoreError, StoreFull

T = TypeVar("T")
Work = Callable[[Connection], T]
log = structlog.get_logger(__name__)

MOST_TOGETHER = 500
READERS = 2


class Database(Protocol):
    """Runs functions of a connection, off the event loop."""

    async def write(self, work: Work[T]) -> T:
        """Run it and commit; its answer comes once the commit is on disk.

        Raises:
            StoreError: The database refused; nothing of this work was kept.
        """
        ...

    async def read(self, work: Work[T]) -> T:
        """Run it on a snapshot.

        Raises:
            StoreError: The database refused.
        """
        ...

    async def close(self) -> None:
        """Finish what is queued and let the files go."""
        ...


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    done: "Future[Any]"
    answer: Any = None


class SingleWriter:
    """One thread writes: it takes whatever is queued, each in a savepoint of its own, and commits once.

    It never lingers for more: a lone caller waits for one commit, a hundred callers share one.

    Args:
        engine: Its connections begin writing transactions at once (`BEGIN IMMEDIATE`).
        is_busy: Whether an error says that another process holds the lock, so that beginning again helps.
        is_full: Whether an error says that there is no room.
        words: What a person does about an error, where more can be said than the database does.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        is_busy: Callable[[DBAPIError], bool],
        is_full: Callable[[DBAPIError], bool],
        words: Callable[[BaseException], str | None],
    ) -> None:
        self._engine = engine
        self._is_busy = is_busy
        self._is_full = is_full
        self._words = words
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._writer = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._writer.start()

    async def write(self, work: Work[T]) -> T:
        if self._closed:
            raise StoreError("the store is closed")
        job = _Job(work, Future())
        self._jobs.put(job)
        answer: T = await _result(job.done)
        return answer

    async def read(self, work: Work[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        self._readers.shutdown()
        self._engine.dispose()

    # ---- in the threads ---------------------------------------------------------------------------------------

    def _read(self, work: Work[T]) -> T:
        try:
            with self._engine.connect().execution_options(reading=True) as connection:
                return work(connection)
        except SQLAlchemyError as error:
            raise self._refused(error) from error

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch = [job, *self._waiting()]
            last = batch[-1] is None
            self._commit([job for job in batch if job is not None])
            if last:
                return

    def _waiting(self) -> list[_Job | None]:
        jobs: list[_Job | None] = []
        while len(jobs) < MOST_TOGETHER:
            try:
                jobs.append(self._jobs.get_nowait())
            except queue.Empty:
                break
            if jobs[-1] is None:
                break
        return jobs

    def _commit(self, jobs: list[_Job]) -> None:
        jobs = [job for job in jobs if job.done.set_running_or_notify_cancel()]
        if not jobs:
            return
        try:
            with self._begun() as connection:
                finished = self._done(connection, jobs)
                connection.commit()
        except DBAPIError as error:
            for job in jobs:
                if not job.done.done():
                    job.done.set_exception(self._refused(error))
        except BaseException as error:  # a bug here must not leave callers waiting
            for job in jobs:
                if not job.done.done():
                    job.done.set_exception(error)
        else:
            for job in finished:
                job.done.set_result(job.answer)

    def _done(self, connection: Connection, jobs: list[_Job]) -> list[_Job]:
        """Run jobs; gives those that are to be kept. One that is alone needs no savepoint: it has the transaction."""
        if len(jobs) == 1:
            jobs[0].answer = jobs[0].work(connection)
            return jobs
        return [job for job in jobs if self._tried(connection, job)]

    def _begun(self) -> Connection:
        """A connection inside a transaction; another process's lock is waited out, but not by a store that closes."""
        while True:
            connection = self._engine.connect()
            try:
                connection.begin()
                return connection
            except DBAPIError as error:
                connection.close()
                if self._closed or not self._is_busy(error):
                    raise
                log.warning("store_waited", reason="another process holds the database")

    def _tried(self, connection: Connection, job: _Job) -> bool:
        """Run one job in its savepoint; one that raises undoes only itself."""
        savepoint = connection.begin_nested()
        try:
            job.answer = job.work(connection)
            savepoint.commit()
        except DBAPIError as error:
            if not _undone(savepoint):
                raise  # the transaction itself is gone, for everybody
            job.done.set_exception(self._refused(error))
            return False
        except Exception as error:
            _undone(savepoint)
            job.done.set_exception(error)
            return False
        return True

    def _refused(self, error: SQLAlchemyError) -> StoreError:
        cause = getattr(error, "orig", None) or error
        full = isinstance(error, DBAPIError) and self._is_full(error)
        return (StoreFull if full else StoreError)(f"the database refused: {self._words(error) or cause}")


def _undone(savepoint: Any) -> bool:
    try:
        savepoint.rollback()
    except DBAPIError:
        return False
    return True


async def _result(future: "Future[T]") -> T:
    """Wait for the thread; a caller that is cancelled does not undo what is already running."""
    return await asyncio.wrap_future(future)
