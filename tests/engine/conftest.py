from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina

from agent.engine import Engine
from tests.engine.fake import FakeEngine, fake_engine


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeEngine]:
    with fake_engine(tmp_path) as server:
        yield server


@pytest.fixture
def door(fake: FakeEngine) -> Iterator[Engine]:
    """To the fake, with little patience."""
    engine = Engine(fake.url, timeout=0.5)
    yield engine
    engine.close()


@pytest.fixture(autouse=True)
def quick_retries() -> Iterator[None]:
    """No waiting between the attempts of a read, of which the first is not stamina's."""
    with stamina.set_testing(True, attempts=2):
        yield
