"""A port of the host that goes from one container to another one, on a real engine."""

from __future__ import annotations

import socket

import docker
import pytest

from agent.reconcile import Turn
from tests.e2e.agents import free_port
from tests.kinds.rig import Rig, done

pytestmark = pytest.mark.engine


def stack(image: str, app: str, vpn: str) -> str:
    base = f"image: '{image}', stop_grace_period: 0s"
    return f"services:\n  app: {{{base}, {app}}}\n  vpn: {{{base}, {vpn}}}\n"


def test_a_port_goes_to_whose_network_is_shared_from_now_on_and_comes_back(rig: Rig, busybox: str) -> None:
    port = f"ports: ['127.0.0.1:{free_port()}:80']"
    before = stack(busybox, port, "labels: {a: b}")
    rig.apply(before)
    assert rig.apply(stack(busybox, "network_mode: 'service:vpn'", port)) == {
        f"{rig.stack}-app-1": "stop, replace",
        f"{rig.stack}-vpn-1": "replace",
    }
    assert rig.container("vpn")["NetworkSettings"]["Ports"]["80/tcp"]
    rig.apply(before)
    assert rig.container("app")["NetworkSettings"]["Ports"]["80/tcp"]


def test_what_gave_up_its_port_goes_on_when_nothing_comes_of_it(rig: Rig, busybox: str) -> None:
    port = f"ports: ['127.0.0.1:{free_port()}:80']"
    hook = "post_start: [{command: [sh, -c, 'echo up >> /tmp/log']}]"
    before = stack(busybox, f"{port}, {hook}", "labels: {a: b}")
    rig.apply(before)
    app = rig.container("app")["Id"]
    report = rig.take(stack(busybox, "network_mode: 'service:vpn'", f"{port}, command: ['false']"))
    assert report.failure is not None
    assert report.failure.reason == "CrashOnStart"
    assert done(report) == {f"{rig.stack}-app-1": "stop, run"}
    now = rig.container("app")
    assert (now["Id"], now["State"]["Running"]) == (app, True)
    assert now["NetworkSettings"]["Ports"]["80/tcp"]
    said = rig.engine.execute(app, {"Cmd": ["cat", "/tmp/log"], "AttachStdout": True}, 10)[1]
    assert said == "up\nup\n", "what is to run after a start has run again"
    assert rig.apply(before) == {}


@pytest.mark.parametrize("check", ["[CMD, 'false']", "[NONE]"], ids=["not yet healthy", "runs so far"])
def test_what_gave_up_its_port_goes_on_when_there_is_no_time_to_prove_the_other(
    rig: Rig, busybox: str, check: str
) -> None:
    port = f"ports: ['127.0.0.1:{free_port()}:80']"
    before = stack(busybox, port, "labels: {a: b}")
    rig.apply(before)
    app, vpn = rig.container("app")["Id"], rig.container("vpn")["Id"]
    slow = f"healthcheck: {{test: {check}, interval: 60s}}, x-windlass: {{rollout: {{monitor: 60s}}}}"
    wanted = rig.stack_of(stack(busybox, "network_mode: 'service:vpn'", f"{port}, {slow}"))

    def is_proving() -> bool:
        named = rig.engine.inspect_container(f"{rig.stack}-vpn-1")  # there is none while the name changes hands
        return named is not None and named["Id"] != vpn

    [report] = rig.reconciler.take(Turn((wanted,), rig.scope, "test", superseded=is_proving))
    assert done(report) == {f"{rig.stack}-app-1": "stop, run"}
    now = rig.container("app")
    assert (now["Id"], now["State"]["Running"], rig.container("vpn")["Id"]) == (app, True, vpn)
    assert now["NetworkSettings"]["Ports"]["80/tcp"]
    assert rig.apply(before) == {}


def test_nothing_is_stopped_for_a_port_that_somebody_else_holds(
    rig: Rig, sdk: docker.APIClient, prefix: str, busybox: str
) -> None:
    number = free_port()
    ports = f"ports: ['127.0.0.1:{number}:80']"
    rig.apply(stack(busybox, "labels: {a: b}", "labels: {a: b}"))
    before = rig.container("app")["Id"]
    host = sdk.create_host_config(port_bindings={80: ("127.0.0.1", number)})
    other = sdk.create_container(busybox, ["sleep", "600"], name=f"{prefix}-other", ports=[80], host_config=host)["Id"]
    sdk.start(other)
    report = rig.take(stack(busybox, ports, "labels: {a: b}"))
    sdk.remove_container(other, force=True)
    assert rig.calls == []
    assert report.failure is not None
    assert (report.failure.reason, f"which container/{prefix}-other holds" in report.failure.message) == (
        "PortInUse",
        True,
    )
    assert rig.container("app")["Id"] == before
    assert rig.apply(stack(busybox, ports, "labels: {a: b}")) == {f"{rig.stack}-app-1": "replace"}


def test_nothing_is_stopped_for_a_port_that_a_program_holds(rig: Rig, busybox: str) -> None:
    rig.apply(stack(busybox, "labels: {a: b}", "labels: {a: b}"))
    before = rig.container("app")["Id"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        after = stack(busybox, f"ports: ['127.0.0.1:{number}:80']", "labels: {a: b}")
        report = rig.take(after)
        assert rig.calls == []
        assert report.failure is not None
        assert report.failure.reason == "PortInUse"
        assert (
            f"waits for port 127.0.0.1:{number}/tcp, held by a program that is no container" in report.failure.message
        )
    assert rig.container("app")["Id"] == before
    assert rig.apply(after) == {f"{rig.stack}-app-1": "replace"}
