"""
The commands that run: ``serve``, ``sandbox``, and ``crds``, which prepares a cluster for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from moorage.cluster.credentials import Access


def run_until_signal(main: Callable[[], Awaitable[Any]]) -> None:
    """Run a coroutine; SIGINT and SIGTERM cancel it, and it may clean up. A second signal ends at once."""
    import uvloop

    stopped = False

    async def guarded() -> None:
        nonlocal stopped
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(main())

        def stop(number: int) -> None:
            nonlocal stopped
            if stopped:
                os._exit(128 + number)
            stopped = True
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, number)
        try:
            await task
        except asyncio.CancelledError:
            if not stopped:
                raise
        except BaseExceptionGroup as group:
            raise _only(group) from group

    uvloop.run(guarded())


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one error that made a task group end, when there is just one."""
    errors: BaseException = group
    while isinstance(errors, BaseExceptionGroup) and len(errors.exceptions) == 1:
        errors = errors.exceptions[0]
    return errors


def access_from(kubeconfig: str, context: str) -> Access:
    """
    Return how to reach the cluster: by a kubeconfig that is named, the pod's account, or the usual kubeconfig.

    Raises:
        InvalidConfiguration: None of them can be used.
    """
    from moorage.cluster.kubeconfig import in_cluster, read_kubeconfig

    named = kubeconfig or os.environ.get("KUBECONFIG", "")
    if not named and not context and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster(
            os.environ["KUBERNETES_SERVICE_HOST"],
            os.environ.get("KUBERNETES_SERVICE_PORT", "443"),
            environment=dict(os.environ),
        )
    paths = [part for part in named.split(os.pathsep) if part] or [str(Path.home() / ".kube/config")]
    return read_kubeconfig(paths, context, dict(os.environ))


def _data_folder() -> str:
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    return str(Path(base) / "moorage")


@click.command(short_help="Run Moorage against a cluster.")
@click.option(
    "--kubeconfig",
    default="",
    help="The kubeconfig file.  [default: $KUBECONFIG, the pod's account, ~/.kube/config]",
)
@click.option("--context", default="", help="The context of the kubeconfig to use.")
@click.option(
    "-n",
    "--namespace",
    default=None,
    help="The namespace of Applications and configuration.  [default: argocd]",
)
@click.option(
    "--listen", default=None, help="host:port for webhooks, health and metrics.  [default: 127.0.0.1:8080]"
)
@click.option(
    "--data", default=None, help="The folder of mirrors and rendered manifests; losing it costs time only."
)
@click.option(
    "--settings", "file", type=click.Path(path_type=Path, dir_okay=False), help="A TOML file of settings."
)
@click.option("--log-level", default=None, help="debug, info, warning or error.  [default: info]")
@click.option("--log-json/--log-text", default=None, help="Log lines as JSON, or for people.")
def serve(
    kubeconfig: str,
    context: str,
    namespace: str | None,
    listen: str | None,
    data: str | None,
    file: Path | None,
    log_level: str | None,
    log_json: bool | None,
) -> None:
    """
    Keep a cluster, and the clusters it knows, as Git declares.

    Reads Applications, AppProjects and Argo CD's Secrets and ConfigMaps from the
    namespace. Apply what `moor crds` prints first. `moor settings` lists every
    setting; a flag wins over a MOORAGE_* variable, which wins over the file.
    """
    from moorage.serve import House, configure_logging
    from moorage.settings import read_settings

    flags = {
        "serve.namespace": namespace,
        "serve.listen": listen,
        "serve.data": data,
        "log.level": log_level,
        "log.json": log_json,
    }
    settings = read_settings(file, os.environ, flags)
    if not settings.serve.data:
        settings = read_settings(file, os.environ, {**flags, "serve.data": _data_folder()})
    configure_logging(settings.log.level, as_json=settings.log.json)
    access = access_from(kubeconfig, context)
    run_until_signal(lambda: House(settings, access).run())


@click.command(short_help="Run a Kubernetes API in one process, to try and to test.")
@click.option(
    "--listen", default="127.0.0.1:0", show_default=True, help="host:port; port 0 takes a free one."
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder that keeps the objects; without it nothing is kept.",
)
@click.option(
    "--kubeconfig",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("kubeconfig"),
    show_default=True,
    help="Where to write the kubeconfig.",
)
@click.option("--token", default="", help="The token of its one user.  [default: a random one]")
@click.option(
    "--ready-after", default=1.0, show_default=True, help="Seconds until pretended workloads are ready."
)
@click.option("--plain", is_flag=True, help="Serve http, for measurements.")
def sandbox(
    listen: str, state: Path | None, kubeconfig: Path, token: str, ready_after: float, plain: bool
) -> None:
    """
    Serve a sandbox cluster until Ctrl-C, and write a kubeconfig for it.

    kubectl, helm and Moorage use it as they use a cluster. Its pods are pretended.
    """
    from moorage.sandbox import Sandbox, SandboxSettings

    host, _, port = listen.rpartition(":")
    if not port.isdecimal():
        raise click.BadParameter("write host:port", param_hint="--listen")
    settings = SandboxSettings(
        host=host.strip("[]") or "127.0.0.1",
        port=int(port),
        state=state,
        token=token,
        tls=not plain,
        ready_after=ready_after,
    )

    # The objects of a sandbox stay; going through all of them often, in vain, takes a quarter of its time.
    gc.set_threshold(100_000, 20, 100)

    async def run() -> None:
        async with Sandbox(settings) as running:
            running.write_kubeconfig(kubeconfig)
            click.echo(f"{running.url}\nexport KUBECONFIG={kubeconfig}")
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    run_until_signal(run)


@click.command(short_help="Print the definitions a cluster needs first.")
def crds() -> None:
    """
    Print the CustomResourceDefinitions of the kinds Moorage reads.

    moor crds | kubectl apply --server-side -f -
    """
    from moorage.control import crds as definitions

    click.echo(definitions.text(), nl=False)
