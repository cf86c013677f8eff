"""Where cells are run: in processes of this machine, or on a Dask or Ray cluster, by joblib."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any

from joblib import Parallel, cpu_count, delayed, effective_n_jobs, parallel_config
from threadpoolctl import threadpool_limits

from streamlearn.errors import InputError, MissingExtraError, StreamlearnError, nearest

BACKENDS = ("loky", "dask", "ray")
_HERE = "127.0.0.1"
_LOOK_EVERY = 5.0  # seconds without a result before Dask is asked whether it has given up
_AT_ONCE = 16  # tasks a worker that Ray is given before results are collected


class Workers:
    """What runs calls, as many at once as there are workers.

    Parameters
    ----------
    n_jobs : int
        As in joblib.
    backend : str
        Of joblib, active now.
    client : distributed.Client, optional
        Of Dask.
    """

    def __init__(self, n_jobs: int, backend: str, client: Any = None) -> None:
        self.n: int = effective_n_jobs(n_jobs)
        self.client = client
        # Ray's backend hands nothing over before all is done; it gets the work in portions.
        self.portions = backend == "ray"
        self._parallel = Parallel(return_as="list" if self.portions else "generator_unordered")

    def map(self, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """Yield function(*task) for every task, in the order they are done.

        Raises
        ------
        StreamlearnError
            If a task has killed its worker process.
        """
        calls = (delayed(function)(*task) for task in tasks)
        try:
            if self.client is not None:
                yield from self._watched(calls)
            elif self.portions:
                with self._parallel as parallel:
                    while portion := list(islice(calls, _AT_ONCE * self.n)):
                        yield from parallel(portion)
            else:
                yield from self._parallel(calls)
        except BrokenProcessPool as error:
            raise _killed("a worker process was killed") from error

    def _watched(self, calls: Iterable[Any]) -> Iterator[Any]:
        """Yield what comes from Dask, and look meanwhile whether it has given a task up.

        joblib waits for ever for a task that Dask gave up because its workers died of it.
        """
        ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
        end = object()

        def pull() -> None:
            try:
                for result in self._parallel(calls):
                    ready.put(result)
                ready.put(end)
            except BaseException as error:  # raised again where somebody waits for it
                ready.put(error)

        threading.Thread(target=pull, daemon=True).start()
        while True:
            try:
                result = ready.get(timeout=_LOOK_EVERY)
            except queue.Empty:
                if gone := _given_up(self.client):
                    raise _killed(f"Dask has given up {gone} tasks of which workers died") from None
                continue
            if isinstance(result, BaseException):
                raise result
            if result is end:
                return
            yield result


def _given_up(client: Any) -> int:
    """How many tasks of a client failed outside of our code."""
    name = client.id

    # A function within a function travels as a whole: the scheduler need not have this package.
    def erred(dask_scheduler: Any) -> int:
        tasks = dask_scheduler.clients[name].wants_what
        return sum(task.state == "erred" for task in tasks)

    found: int = client.run_on_scheduler(erred)
    return found


def _killed(what: str) -> StreamlearnError:
    return StreamlearnError(
        f"{what}. What is done is kept: run it again, with fewer processes if memory ran out; "
        "n_jobs=1 shows which cell it is"
    )


@contextlib.contextmanager
def workers(backend: str, address: str | None, n_jobs: int) -> Iterator[Workers]:
    """Get workers, and let go of those that were started here.

    Parameters
    ----------
    backend : {"loky", "dask", "ray"}
        Processes of this machine, or a cluster.
    address : str or None
        Of a running cluster; None starts one on this machine that others cannot reach.
    n_jobs : int
        Processes of this machine, counted as joblib does; a running cluster has its own.

    Yields
    ------
    Workers
        Each computes with one BLAS thread, so that its numbers hang on nothing else.

    Raises
    ------
    InputError
        For another backend, or an address where there can be none.
    MissingExtraError
        If the package is not installed.
    """
    if backend not in BACKENDS:
        raise nearest(backend, BACKENDS, "backend")
    if backend == "loky" and address is not None:
        raise InputError(
            f'address={address!r} is of a cluster; say backend="dask" or backend="ray" as well'
        )
    with contextlib.ExitStack() as stack:
        options: dict[str, Any] = {"n_jobs": -1}
        if backend == "dask":
            options["client"] = stack.enter_context(_dask(address, n_jobs))
        elif backend == "ray":
            stack.enter_context(_ray(address, n_jobs))
        elif n_jobs == 1:
            backend, options = "sequential", {}
            stack.enter_context(threadpool_limits(1))
        else:
            options = {"n_jobs": n_jobs, "inner_max_num_threads": 1}
        # Only while the workers are made: scikit-learn's own joblib calls, here and in the
        # workers, are not to run on the same backend, and would shut it down when they end.
        with parallel_config(backend, **options):
            crew = Workers(options.get("n_jobs", 1), backend, options.get("client"))
        yield crew


@contextlib.contextmanager
def _dask(address: str | None, n_jobs: int) -> Iterator[Any]:
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise MissingExtraError("Dask", "dask") from error
    with contextlib.ExitStack() as stack:
        if address is None:
            cluster: Any = stack.enter_context(
                LocalCluster(
                    n_workers=_processes(n_jobs),
                    threads_per_worker=1,
                    host=_HERE,
                    dashboard_address=None,
                )
            )
        else:
            cluster = address
        yield stack.enter_context(Client(cluster, set_as_default=False))


@contextlib.contextmanager
def _ray(address: str | None, n_jobs: int) -> Iterator[None]:
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise MissingExtraError("Ray", "ray") from error
    if address is not None:
        started = ray.init(address=address)
    else:
        started = ray.init(
            num_cpus=_processes(n_jobs), include_dashboard=False, _node_ip_address=_HERE
        )
    register_ray()
    with started:
        yield


def _processes(n_jobs: int) -> int:
    return n_jobs if n_jobs > 0 else max(1, cpu_count() + 1 + n_jobs)
