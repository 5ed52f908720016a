"""An engine starts all that ran before it ended, in whichever order: what shares a network then, and who is cut off."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.e2e.agents import until
from tests.faults.daemon import Daemon
from tests.kinds.rig import Rig

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PAIRS = range(3)


@pytest.fixture
def rig(daemon: Daemon, prefix: str, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(daemon.url, prefix, tmp_path)
    yield made
    made.engine.close()


def compose(image: str) -> str:
    base = f"image: '{image}', stop_grace_period: 0s, restart: unless-stopped"
    lines = [
        f"  vpn{one}: {{{base}}}\n  app{one}: {{{base}, network_mode: 'service:vpn{one}', depends_on: [vpn{one}]}}\n"
        for one in PAIRS
    ]
    return f"services:\n{''.join(lines)}"


def test_what_the_engine_has_brought_up_again_is_not_started_once_more(
    rig: Rig, daemon: Daemon, sdk: docker.APIClient, busybox: str
) -> None:
    """One that was to join a network whose owner was not up yet lies there, failed; the others have joined later."""
    rig.apply(compose(busybox))
    with daemon.away(signal.SIGTERM):
        pass
    until(lambda: all(began(sdk, f"{rig.stack}-vpn{one}-1") for one in PAIRS), "all networks")
    up = {name: it for one in PAIRS if (it := began(sdk, name := f"{rig.stack}-app{one}-1"))}
    done = rig.apply(compose(busybox))
    for one in PAIRS:
        app, vpn = f"{rig.stack}-app{one}-1", f"{rig.stack}-vpn{one}-1"
        assert began(sdk, app) > began(sdk, vpn)
    assert not done.keys() & up.keys(), "what the engine itself has brought up is as wanted"


def began(sdk: docker.APIClient, name: str) -> str:
    """When it was started, "" where it does not run."""
    state = sdk.inspect_container(name)["State"]
    return str(state["StartedAt"]) if state["Running"] else ""
