"""
``moor app``: asks and changes Applications through the API of the cluster that holds them.

As ``argocd --core`` does: no server but the cluster's own is asked, with the
rights of the kubeconfig. `door` speaks to the cluster; each command has a
module of its own, and what can be decided without a cluster stands in `spec`,
`requests` and `standing`.
"""

from __future__ import annotations

import click

from moorage.cli.root import Lazy, Row

LOOK, CHANGE = "Look", "Change"
COMMANDS = {
    "list": Row("moorage.cli.app.list:list_apps", "List applications.", LOOK),
    "get": Row("moorage.cli.app.get:get", "Print one application, with its resources.", LOOK),
    "diff": Row("moorage.cli.app.diff:diff", "Print how the cluster differs from Git.", LOOK),
    "tree": Row("moorage.cli.app.tree:tree", "Print the resources and what they own.", LOOK),
    "history": Row("moorage.cli.app.history:history", "Print what was deployed when.", LOOK),
    "wait": Row("moorage.cli.app.wait:wait", "Wait until applications are synced and healthy.", LOOK),
    "create": Row("moorage.cli.app.create:create", "Create an application.", CHANGE),
    "set": Row("moorage.cli.app.create:set_app", "Change fields of an application.", CHANGE),
    "sync": Row("moorage.cli.app.sync:sync", "Make the cluster what Git declares.", CHANGE),
    "terminate-op": Row("moorage.cli.app.sync:terminate", "Stop a running sync.", CHANGE),
    "delete": Row(
        "moorage.cli.app.delete:delete", "Delete applications, with their resources or without.", CHANGE
    ),
}


@click.group(cls=Lazy, rows=COMMANDS)
def app() -> None:
    """
    List, look at, change and sync applications.

    These commands ask the cluster that holds the Applications, by a kubeconfig,
    and need no other server. NAME is an application's name, or NAMESPACE/NAME.
    """
