"""What runs goes on while something else waits: while its change is held, and while a turn waits for a job. On a real
engine."""

from __future__ import annotations

import threading

import docker
import pytest

from agent.converge import Options
from agent.model import Action, Report
from agent.reconcile import Turn
from tests.e2e.agents import free_port, until
from tests.kinds.rig import Rig, done

pytestmark = pytest.mark.engine


def text(image: str, version: str, label: str) -> str:
    return f"""
        services:
          web:
            image: {image}
            command: [sh, -c, 'trap "exit 0" TERM; sleep 600 & wait']
            environment: {{VERSION: '{version}'}}
            networks: [front]
            volumes: ['data:/data']
            post_start: [{{command: [sh, -c, 'echo {version} >> /data/started']}}]
        networks: {{front: {{}}}}
        volumes: {{data: {{labels: {{of: '{label}'}}}}}}
        """


def test_what_somebody_does_to_it_is_mended_while_its_change_waits(
    rig: Rig, busybox: str, sdk: docker.APIClient
) -> None:
    rig.apply(text(busybox, "1", "one"))
    before, name = rig.container("web"), f"{rig.stack}-web-1"
    new = text(busybox, "2", "other")
    assert {change.action for change in rig.take(new).plan.changes} == {Action.HOLD}

    hands: dict[str, tuple[str, ...]] = {
        "stop": (name,),
        "kill": (name,),
        "pause": (name,),
        "disconnect_container_from_network": (name, f"{rig.stack}_front"),
    }
    for hand, what in hands.items():
        getattr(sdk, hand)(*what)
        report = rig.take(new)
        assert done(report) == {name: "update"}
        assert {change.action for change in report.left.changes} == {Action.HOLD}
        after = rig.container("web")
        assert (after["Id"], after["State"]["Status"]) == (before["Id"], "running")
        assert f"{rig.stack}_front" in after["NetworkSettings"]["Networks"]
    ran = sdk.exec_start(sdk.exec_create(name, ["cat", "/data/started"])["Id"])
    assert ran.split() == [b"1"] * 3, "what runs after a start is what it was made with"

    assert done(rig.take(text(busybox, "2", "one"))) == {name: "replace"}
    assert rig.container("web")["Config"]["Env"][0] == "VERSION=2"


def test_one_whose_port_another_is_to_have_is_left_as_it_is(rig: Rig, busybox: str, sdk: docker.APIClient) -> None:
    port = f"ports: ['127.0.0.1:{free_port()}:80']"
    first = text(busybox, "1", "one").replace("networks: [front]", f"networks: [front]\n            {port}")
    rig.apply(first)
    sdk.kill(f"{rig.stack}-web-1")
    api = f"api: {{image: {busybox}, command: [sleep, '600'], stop_grace_period: 0s, networks: [front], {port}}}"
    second = text(busybox, "2", "other").replace("services:", f"services:\n          {api}")
    assert done(rig.take(second)) == {f"{rig.stack}-api-1": "create"}
    assert not rig.container("web")["State"]["Running"]


def test_a_job_that_is_done_is_not_run_again_while_what_makes_a_service_of_it_is_held(rig: Rig, busybox: str) -> None:
    def job(more: str, label: str) -> str:
        web = f"{{image: {busybox}, stop_grace_period: 0s, volumes: ['data:/data'], {more}}}"
        return f"services: {{web: {web}}}\nvolumes: {{data: {{labels: {{of: '{label}'}}}}}}"

    rig.apply(job("restart: 'no', command: ['true']", "one"))
    until(lambda: rig.container("web")["State"]["Status"] == "exited", "the job done")
    before = rig.container("web")["State"]
    assert {change.action for change in rig.take(job("command: [sleep, '600']", "other")).plan.changes} == {Action.HOLD}
    assert rig.container("web")["State"] == before


def test_what_is_down_goes_on_while_the_image_of_the_new_one_cannot_be_had(
    rig: Rig, busybox: str, sdk: docker.APIClient
) -> None:
    rig.apply(text(busybox, "1", "one"))
    name, before = f"{rig.stack}-web-1", rig.container("web")["Id"]
    sdk.kill(name)
    report = rig.take(text("127.0.0.1:1/there-is-none:1", "2", "one"))
    assert report.failure is not None
    assert done(report) == {name: "update"}
    after = rig.container("web")
    assert (after["Id"], after["State"]["Running"]) == (before, True)


def test_a_turn_that_waits_for_a_job_mends_what_does_not_run_meanwhile(
    rig: Rig, busybox: str, sdk: docker.APIClient
) -> None:
    service = f"image: {busybox}, stop_grace_period: 0s, command: [sleep, '600']"
    job = f"image: {busybox}, volumes: ['data:/data'], command: [sh, -c, 'until [ -e /data/go ]; do sleep 0.1; done']"
    end = f"volumes: {{data: {{}}}}\nservices:\n  db: {{{service}, volumes: ['data:/data']}}\n"
    rig.apply(f"{end}  web: {{{service}}}")
    behind = "environment: [NEW=1], depends_on: {job: {condition: service_completed_successfully}}"
    stack = rig.stack_of(f"{end}  job: {{{job}}}\n  web: {{{service}, {behind}}}")
    rig.options = Options(quiet=0.1)
    rig.restart()
    heard, reports, names = 0, list[Report](), {one: f"{rig.stack}-{one}-1" for one in ("db", "job", "web")}

    def run(*services: str) -> bool:
        found = (rig.engine.inspect_container(names[one]) or {"State": {}} for one in services)
        return all(report["State"].get("Running") for report in found)

    turn = Turn((stack,), rig.scope, "test", heard=lambda: heard)
    thread = threading.Thread(target=lambda: reports.extend(rig.reconciler.take(turn)))
    thread.start()
    try:
        until(lambda: run("job"), "the turn waits for the job")
        sdk.kill(names["db"])
        sdk.kill(names["web"])
        heard = 1
        until(lambda: run("db", "web"), "what was killed runs again")
        assert run("job"), "the turn still waits"
    finally:
        sdk.exec_start(sdk.exec_create(names["db"], ["touch", "/data/go"])["Id"])
        thread.join(60)
    (report,) = reports
    assert report.synced
    assert done(report) == {names["db"]: "update", names["job"]: "create", names["web"]: "replace, update"}
    assert "NEW=1" in rig.container("web")["Config"]["Env"]
