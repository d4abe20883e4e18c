"""Every engine call in these tests is watched: it must leave its inputs as they were."""

from __future__ import annotations

import pytest
from hypothesis import settings
from watching_inputs import decides, watched

# Machines that are busy with other things must not fail a property.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True, scope="module")
def inputs_stay(request):
    """Watch each engine function that the test module imported."""
    module = vars(request.module)
    originals = {name: value for name, value in module.items() if decides(value)}
    module.update({name: watched(value) for name, value in originals.items()})
    yield
    module.update(originals)
