"""One sandbox for all tests of commands that ask a cluster; each test names its own applications."""

import pytest
from cli_kit import cluster


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made
