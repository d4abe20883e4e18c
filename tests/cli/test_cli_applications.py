"""``moor app`` against a sandbox that holds Applications."""

from cli_kit import application, settled


def test_list(shop):
    """
    Lists name, project, sync, health and revision of the applications that were chosen.
    """
    shop.add(application("list-a", metadata={"labels": {"t": "list"}}, status=settled()))
    shop.add(application("list-b", metadata={"labels": {"t": "list"}}))

    result = shop.moor("app", "list", "-l", "t=list")

    assert result.exit_code == 0, result.output
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["NAME", "PROJECT", "SYNC", "HEALTH", "REVISION"],
        ["list-a", "default", "Synced", "Healthy", "aaaaaaaa"],
        ["list-b", "default", "Unknown", "Unknown"],
    ]
