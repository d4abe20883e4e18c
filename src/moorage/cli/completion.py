"""``moor completion``."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """
    Print the completion script of a shell.

    \b
    bash:  moor completion bash > ~/.local/share/bash-completion/completions/moor
    zsh:   moor completion zsh > "${fpath[1]}/_moor"
    fish:  moor completion fish > ~/.config/fish/completions/moor.fish
    """
    from click.shell_completion import ShellComplete, get_completion_class

    from moorage.cli.root import COMPLETE_VARIABLE, moor

    found = get_completion_class(shell)
    assert found is not None
    # Bash's own `source` asks the bash of this machine for its version; the script may be for another one.
    click.echo(ShellComplete.source(found(moor, {}, "moor", COMPLETE_VARIABLE)))
