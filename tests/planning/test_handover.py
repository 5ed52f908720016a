"""Ports of the host that go from one container to another one, as plans."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.handling import Handling, Hook, Schedule, Stage
from agent.host_ports import HostPort
from agent.model import Action, Observed, Owner, Plan, Remedy, Resource, Revision, Scope, Stack
from agent.planning import Policy, make_plan
from tests.planning.scene import ORIGIN, check, differs, plan, there, waits, want

APP, VPN = "container/app", "container/vpn"
HTTP, HTTPS = HostPort(8080), HostPort(8443)
STOPPED = differs("state", "exited", "running", Remedy.IN_PLACE, drift=True)


def wants(text: str, *requires: str, ports: tuple[HostPort, ...] = (), stack: str = "web") -> Resource:
    return want(text, *map(waits, requires), stack=stack, ports=frozenset(ports))


def holds(text: str, *ports: HostPort, stack: str = "web", uses: tuple[str, ...] = ()) -> Observed:
    """One that is to be replaced for its ports, or removed."""
    return there(text, differs("ports"), stack=stack, uses=uses, ports=frozenset(ports))


def interruptions(found: Plan) -> dict[str, str]:
    return {f"{change.action} {change.key.name}": change.interruption for change in found.changes}


def test_who_takes_a_port_comes_behind_who_gives_it_up() -> None:
    found = plan([wants(APP, ports=(HTTP,)), wants(VPN)], [holds(APP), holds(VPN, HTTP)])
    check(
        found,
        """
        0 replace container/vpn (commit: ports changed)
        1 replace container/app (commit: ports changed) after 0
        """,
    )
    assert found.changes[1].after == {0}, "one that does not let go is not followed"


def test_who_has_to_come_behind_the_other_lets_go_beforehand() -> None:
    found = plan([wants(APP, VPN), wants(VPN, ports=(HTTP, HTTPS))], [holds(APP, HTTP, HTTPS), holds(VPN)])
    check(
        found,
        """
        0 stop container/app (commit: gives up port 8080/tcp, 8443/tcp to container/vpn)
        1 replace container/vpn (commit: ports changed) after 0
        2 replace container/app (commit: ports changed) after 0,1
        """,
    )
    assert interruptions(found) == {
        "stop app": "away until it is replaced",
        "replace vpn": "away while it is replaced",
        "replace app": "away while it is replaced",
    }
    stop = found.changes[0]
    assert (stop.fields, stop.seen and stop.seen.id, stop.wanted and stop.wanted.key.name) == ((), "id-app", "app")


def test_it_lets_go_of_it_for_one_that_is_new_as_well() -> None:
    check(
        plan([wants(APP, VPN), wants(VPN, ports=(HTTP,))], [holds(APP, HTTP)]),
        """
        0 stop container/app (commit: gives up port 8080/tcp to container/vpn)
        1 create container/vpn (commit: does not exist yet) after 0
        2 replace container/app (commit: ports changed) after 0,1
        """,
    )


def test_who_is_to_have_a_port_that_a_program_holds_waits_and_nothing_is_stopped_for_it() -> None:
    program = there("process/nginx", owner=Owner.FOREIGN, ports=frozenset({HTTP}))
    check(
        plan([wants(APP, ports=(HTTP,))], [holds(APP), program]),
        """
        0 hold container/app (commit: waits for port 8080/tcp, held by nginx: stop that one, or publish another port)
        """,
    )


def test_who_swap_their_ports_are_both_stopped_first() -> None:
    check(
        plan([wants(APP, ports=(HTTPS,)), wants(VPN, ports=(HTTP,))], [holds(APP, HTTP), holds(VPN, HTTPS)]),
        """
        0 stop container/app (commit: gives up port 8080/tcp to container/vpn)
        1 stop container/vpn (commit: gives up port 8443/tcp to container/app)
        2 replace container/app (commit: ports changed) after 0,1
        3 replace container/vpn (commit: ports changed) after 0,1
        """,
    )


def test_only_who_is_in_the_round_is_stopped() -> None:
    last, free = "container/last", HostPort(9000)
    wanted = [wants(APP, VPN), wants(VPN, ports=(HTTP,)), wants(last, ports=(free,)), wants("container/one")]
    seen = [holds(APP, HTTP), holds(VPN), holds(last), holds("container/one", free)]
    stopped = [change.key.name for change in plan(wanted, seen).changes if change.action is Action.STOP]
    assert stopped == ["app"]


def test_what_goes_for_good_and_is_in_use_by_who_takes_its_port_is_stopped_before() -> None:
    found = plan([wants(APP, ports=(HTTP,))], [holds(APP, uses=(VPN,)), holds(VPN, HTTP)])
    check(
        found,
        """
        0 stop container/vpn (prune: gives up port 8080/tcp to container/app)
        1 replace container/app (commit: ports changed) after 0
        2 remove container/vpn (prune: is not wanted any more) after 0,1
        """,
    )
    assert interruptions(found)["stop vpn"] == "", "it does not come back"


def test_what_is_taken_along_has_let_go_when_it_is_removed() -> None:
    found = plan(
        [wants(APP, ports=(HTTP,)), wants(VPN)],
        [holds(APP, uses=(VPN,)), there(VPN, differs("ports"), ports=frozenset({HTTP}))],
    )
    check(
        found,
        """
        0 stop container/app (commit: uses container/vpn)
        1 replace container/vpn (commit: ports changed) after 0
        2 remove container/app (commit: ports changed; uses container/vpn) after 1
        3 create container/app (commit: ports changed; uses container/vpn) after 1,2
        """,
    )


def test_who_is_stopped_already_is_not_stopped_once_more_for_its_port() -> None:
    """It shares the processes of the other one, and has a port that this one is to have."""
    found = plan(
        [wants(APP, VPN), wants(VPN, ports=(HTTP,))],
        [there(APP, differs("ports"), uses=[VPN], ports=frozenset({HTTP})), holds(VPN)],
    )
    check(
        found,
        """
        0 stop container/app (commit: uses container/vpn)
        1 replace container/vpn (commit: ports changed) after 0
        2 remove container/app (commit: ports changed; uses container/vpn) after 0,1
        3 create container/app (commit: ports changed; uses container/vpn) after 1,2
        """,
    )


def test_what_was_stopped_for_it_and_goes_back_waits_for_its_port() -> None:
    check(
        plan([wants(APP, ports=(HTTP,)), wants(VPN)], [there(APP, STOPPED), holds(VPN, HTTP)]),
        """
        0 replace container/vpn (commit: ports changed)
        1 update container/app (drift: was stopped outside git) after 0
        """,
    )


def test_a_port_may_go_to_another_stack() -> None:
    check(
        plan([wants(APP, ports=(HTTP,), stack="front"), wants(VPN)], [holds(APP, stack="front"), holds(VPN, HTTP)]),
        """
        0 replace container/vpn (commit: ports changed)
        1 replace container/app (commit: ports changed) after 0
        """,
    )


def test_stacks_that_wait_for_stacks_are_put_in_order_by_that_alone() -> None:
    stacks = [
        Stack("front", (wants(APP, ports=(HTTP,), stack="front"),), Revision("0" * 40)),
        Stack("web", (wants(VPN),), Revision("0" * 40), after=("front",)),
    ]
    seen = {one.key: one for one in (holds(APP, stack="front"), holds(VPN, HTTP))}
    found = make_plan(stacks, seen, Scope("host-1", ORIGIN, frozenset({"front", "web"})), Policy())
    assert [change.after for change in found.changes] == [frozenset(), frozenset()]


@pytest.mark.parametrize(
    ("held", "wanted", "waited"),
    [
        (HTTP, HTTP, True),
        (HTTP, HostPort(8080, address="10.0.0.1"), True),
        (HostPort(8080, address="10.0.0.1"), HTTP, True),
        (HostPort(8080, address="10.0.0.1"), HostPort(8080, address="10.0.0.2"), False),
        (HTTP, HTTPS, False),
        (HTTP, HostPort(8080, "udp"), False),
    ],
    ids=["the same", "one address", "all addresses", "another address", "another port", "another protocol"],
)
def test_nobody_waits_for_another_port(held: HostPort, wanted: HostPort, waited: bool) -> None:
    found = plan([wants(APP, ports=(wanted,)), wants(VPN)], [holds(APP), holds(VPN, held)])
    assert [bool(change.after) for change in found.changes] == [False, waited]


def test_who_keeps_its_port_stops_for_nobody() -> None:
    found = plan([wants(APP, VPN, ports=(HTTP,)), wants(VPN, ports=(HTTPS,))], [holds(APP, HTTP), holds(VPN, HTTPS)])
    assert [change.action for change in found.changes] == [Action.REPLACE] * 2


def test_nobody_is_stopped_before_all_that_its_stack_needs_is_there() -> None:
    image = "image/app:2"
    app = want(APP, image, waits(VPN), handling=Handling())
    seen = [holds(APP, HTTP), holds(VPN)]
    check(
        plan([app, want(image), wants(VPN, ports=(HTTP,))], seen),
        """
        0 create image/app:2 (commit: needed by container/app)
        1 stop container/app (commit: gives up port 8080/tcp to container/vpn) after 0
        2 replace container/vpn (commit: ports changed) after 0,1
        3 replace container/app (commit: ports changed) after 0,1,2
        """,
    )


@pytest.mark.parametrize("needs", [(), (VPN,)], ids=["by itself", "for whom somebody lets go"])
def test_nobody_is_stopped_before_what_runs_first_but_for_that_itself(needs: tuple[str, ...]) -> None:
    migrate = replace(wants("container/migrate", *needs), handling=Handling(hook=Hook(Stage.PRE_DEPLOY)))
    found = plan([migrate, wants(APP, VPN), wants(VPN, ports=(HTTP,))], [holds(APP, HTTP), holds(VPN)])
    order = [f"{change.action} {change.key.name}" for change in found.changes]
    first = ["create migrate"]
    moves = ["stop app", "replace vpn"]
    assert order == [*(moves + first if needs else first + moves), "replace app"]


def test_nobody_is_stopped_for_a_port_that_is_not_let_go_of() -> None:
    check(
        plan([wants(APP, ports=(HTTP,)), want(VPN, "network/gone")], [holds(APP), holds(VPN, HTTP)]),
        """
        0 hold container/app (commit: waits for port 8080/tcp, which container/vpn holds: stop that one, or publish another port)
        1 hold container/vpn (commit: waits for network/gone, which does not exist)
        """,  # noqa: E501 - as people read it
    )


def keeps(holder: Observed, *more: Resource, policy: Policy | None = None) -> list[tuple[str, str, str]]:
    """What is held, and why, where APP is to have the port that the holder has."""
    app = wants(APP, ports=(HTTP,))
    found = plan([app, wants("container/tail", APP), *more], [there(APP, differs("image")), holder], policy=policy)
    return [(change.key.name, change.code, change.reason) for change in found.changes]


WAITS = f"waits for port {HTTP}, which {VPN} holds: stop that one, or publish another port"
TAIL = ("tail", "Waits", f"waits for {APP}, which is held")


def test_who_waits_for_a_port_is_waited_for() -> None:
    stranger = there(VPN, owner=Owner.FOREIGN, ports=frozenset({HTTP}))
    assert keeps(stranger) == [("app", "PortInUse", WAITS), TAIL]


def swaps(*theirs: HostPort) -> str:
    """Why APP is held, where it is to have HTTPS instead of HTTP: VPN of another stack holds it, and is to have
    theirs."""
    stranger = there(VPN, owner=Owner.FOREIGN, stack="", ports=frozenset({HTTPS}))
    stack = Stack("web", (wants(APP, ports=(HTTPS,)),), Revision("0" * 40))
    another = there("container/another", owner=Owner.FOREIGN, stack="", ports=frozenset({HostPort(9000)}))
    actual = {one.key: one for one in (holds(APP, HTTP), stranger, another)}
    scope = Scope("host-1", ORIGIN, frozenset({"web"}))
    (change,) = make_plan([stack], actual, scope, Policy(), demands={stranger.key: frozenset(theirs)}).changes
    assert (change.action, change.code) == (Action.HOLD, "PortInUse")
    return change.reason


def test_two_stacks_of_which_each_waits_for_a_port_of_the_other_are_told_so() -> None:
    assert swaps(HTTP) == (
        f"waits for port 8443/tcp, which {VPN} holds, and that one waits for port 8080/tcp of this stack: neither can"
        " go first, so bring one of the two another port, or none, by a commit in between"
    )


@pytest.mark.parametrize("theirs", [(HTTPS,), (HTTP, HTTPS), (HostPort(9000),), ()])
def test_one_that_waits_for_nothing_of_the_stack_or_keeps_its_port_swaps_none(theirs: tuple[HostPort, ...]) -> None:
    assert swaps(*theirs) == f"waits for port 8443/tcp, which {VPN} holds: stop that one, or publish another port"


def test_what_is_as_wanted_keeps_its_port() -> None:
    same = there(VPN, ports=frozenset({HTTP}))
    assert keeps(same, wants(VPN, ports=(HTTP,))) == [("app", "PortInUse", WAITS), TAIL]


def test_what_is_replaced_and_wants_its_port_again_keeps_it() -> None:
    [step, *held] = keeps(holds(VPN, HTTP), wants(VPN, ports=(HTTP,)))
    assert (step[0], held) == ("vpn", [("app", "PortInUse", WAITS), TAIL])


def test_what_is_not_pruned_keeps_its_port() -> None:
    held = keeps(holds(VPN, HTTP), policy=Policy(prune=False))
    assert [(name, code) for name, code, _ in held] == [("app", "PortInUse"), ("tail", "Waits"), ("vpn", "PruneOff")]


def test_who_waits_for_the_port_of_a_suspended_service_is_no_fault() -> None:
    held = keeps(holds(VPN, HTTP), wants(VPN), policy=Policy(suspended=frozenset({("web", "vpn")})))
    assert [(name, code) for name, code, _ in held] == [
        ("app", "Suspended"),
        ("tail", "Suspended"),
        ("vpn", "Suspended"),
    ]


def test_nobody_waits_in_vain_for_what_is_not_certain_to_hold_a_port() -> None:
    likely = HostPort(8080, certain=False)
    tried = keeps(there(VPN, ports=frozenset({likely})), wants(VPN, ports=(likely,)))
    assert [(name, code) for name, code, _ in tried] == [("app", ""), ("tail", "")]
    for ports, after in (((), [[], [0]]), ((likely,), [[], []])):
        found = plan([wants(APP, ports=(HTTP,)), wants(VPN, ports=ports)], [holds(APP), holds(VPN, likely)])
        assert [sorted(change.after) for change in found.changes] == after


def test_a_job_needs_no_port_before_its_time() -> None:
    job = replace(wants("container/job", ports=(HTTP,)), handling=Handling(schedule=Schedule("@daily")))
    found = plan([job, wants(VPN, ports=(HTTP,))], [there(VPN, ports=frozenset({HTTP}))])
    check(found, "0 create container/job (commit: does not exist yet)")


def test_what_runs_in_place_of_another_one_keeps_what_it_has() -> None:
    """A container that runs with its port goes on whoever else may want it."""
    found = plan(
        [wants(APP, ports=(HTTP,)), wants(VPN, ports=(HTTP,))],
        [there(APP, differs("image"), ports=frozenset({HTTP})), there(VPN)],
    )
    check(found, "0 replace container/app (commit: image changed)")
