"""What containers have of each other and of networks: as it is read, printed and sent, to engines of every age."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from agent.compose import render
from agent.compose.calls import engine_calls
from agent.errors import BadManifest
from agent.model import Condition, Key, Requirement
from tests.compose.tree import body, problems, project, wanted

STARTED = {"condition": "service_started", "required": True}


def host(text: str, name: str = "web-a-1") -> dict[str, Any]:
    found: dict[str, Any] = wanted(text)[f"container/{name}"].spec["body"]["HostConfig"]
    return found


def services(keys: str, *, b: str = "image: x") -> str:
    lines = "".join(f"    {line}\n" for line in keys.splitlines())
    return f"services:\n  b: {{{b}}}\n  a:\n    image: x\n{lines}"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("network_mode: service:b", {"NetworkMode": "container:web-b-1"}),
        ("ipc: service:b\npid: service:b", {"IpcMode": "container:web-b-1", "PidMode": "container:web-b-1"}),
        ("network_mode: container:other", {"NetworkMode": "container:other"}),
        ("pid: container:other\nipc: shareable", {"PidMode": "container:other", "IpcMode": "shareable"}),
        ("volumes_from: [b]", {"VolumesFrom": ["web-b-1"]}),
        ("volumes_from: ['b:ro', 'container:other:ro']", {"VolumesFrom": ["web-b-1", "other"]}),
        ("links: [b]", {"Links": ["web-b-1:b", "web-b-1:b-1", "web-b-1:web-b-1"]}),
        ("links: ['b:db']", {"Links": ["web-b-1:db", "web-b-1:b-1", "web-b-1:web-b-1"]}),
        ("external_links: [one, 'two:alias', 'three:x:y']", {"Links": ["one:one", "two:alias", "three:three"]}),
    ],
)
def test_a_reference_is_one_to_a_container(keys: str, expected: dict[str, Any]) -> None:
    found = host(services(keys))
    assert {key: found.get(key) for key in expected} == expected


def test_a_reference_means_the_first_container_under_the_name_that_it_has() -> None:
    assert host(services("ipc: service:b", b="image: x, scale: 2"))["IpcMode"] == "container:web-b-1"
    assert host(services("ipc: service:b", b="image: x, container_name: bee"))["IpcMode"] == "container:bee"


def test_a_link_leads_to_every_container_and_is_on_every_endpoint() -> None:
    found = wanted(services("links: [b]", b="image: x, scale: 2"))["container/web-a-1"].spec["body"]
    links = [f"web-b-{number}:{alias}" for number in (1, 2) for alias in ("b", "b-1", "web-b-1")]
    assert found["HostConfig"]["Links"] == links
    assert found["NetworkingConfig"]["EndpointsConfig"]["web_default"]["Links"] == links


@pytest.mark.parametrize(
    ("keys", "restart"),
    [
        ("links: ['b:x']", True),
        ("network_mode: service:b", True),
        ("ipc: service:b", True),
        ("pid: service:b", True),
        ("volumes_from: ['b:ro']", False),
    ],
)
def test_who_refers_to_a_service_depends_on_it(keys: str, restart: bool) -> None:
    printed = render(project(services(keys)), "/p")["services"]["a"]
    assert printed["depends_on"] == {"b": {**STARTED, **({"restart": True} if restart else {})}}
    requires = wanted(services(keys))["container/web-a-1"].requires
    assert [one.condition for one in requires if one.key.kind == "container"] == [Condition.STARTED]


@pytest.mark.parametrize("keys", ["links: [b]\nscale: 101", "depends_on: [b, c]"])
def test_dependencies_cannot_lead_to_millions_of_containers(keys: str) -> None:
    others = "".join(f"  x{number}: {{image: x, depends_on: [b]}}\n" for number in range(110))
    text = services(keys, b="image: x, scale: 1000") + "  c: {image: x, scale: 1000}\n" + others
    told = [problem for problem in problems(text) if "lead to too many containers" in problem]
    assert told


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (services("uts: service:b"), "5:10: services.a.uts: cannot be that of another container, host is the only one "
         "to share"),
        (services("ipc: service:b", b="image: x, scale: 0"), '5:10: services.a.ipc: the service "b" has no container, '
         "since its scale is 0"),
        (services("mac_address: m\nnetworks: {default: {mac_address: n}}"), "5:18: services.a.mac_address: is m, but "
         "networks.default.mac_address is n"),
        (services("ports: [{target: 65536}]"), "5:22: services.a.ports[0].target: is no port, for they end at 65535"),
        (services("ports: [{target: 1, protocol: x}]"), "5:35: services.a.ports[0].protocol: is not one of tcp, udp, "
         "sctp"),
        (services("ports: [{target: 1, published: x}]"), '5:36: services.a.ports[0].published: "x" is no port number '
         "or range"),
    ],
)  # fmt: skip
def test_what_compose_prints_and_no_engine_does_is_refused_when_it_is_to_run(text: str, problem: str) -> None:
    assert render(project(text), "/p")["services"]["a"]
    with pytest.raises(BadManifest) as caught:
        wanted(text)
    assert [str(one) for one in caught.value.problems] == [f"compose.yaml:{problem}"]


OPTIONAL = "depends_on: {b: {condition: service_started, required: false}}"


@pytest.mark.parametrize("keys", ["pid: service:b", "network_mode: service:b", "ipc: service:b", "volumes_from: [b]"])
def test_a_service_that_is_off_has_nothing_to_share(keys: str) -> None:
    """Though `depends_on` may do without it: Compose prints it, and fails when it is to run."""
    text = services(f"{keys}\n{OPTIONAL}", b="image: x, profiles: [p]")
    assert engine_calls(project(text), "/p")
    with pytest.raises(BadManifest) as caught:
        wanted(text)
    (problem,) = caught.value.problems
    assert problem.message == 'the service "b" is off: none of its profiles is active'
    assert problem.place.line == 5


def test_a_link_to_a_service_that_is_off_is_done_without() -> None:
    found = wanted(services(f"links: [b]\n{OPTIONAL}", b="image: x, profiles: [p]"))
    assert "Links" not in found["container/web-a-1"].spec["body"]["HostConfig"]


def test_what_depends_on_says_stands() -> None:
    keys = "links: [b]\ndepends_on: {b: {condition: service_healthy}}"
    assert project(services(keys)).services["a"]["depends_on"] == {
        "b": {"condition": "service_healthy", "required": True}
    }


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("network_mode: service:c", '5:19: services.a.network_mode: there is no service "c"'),
        ("network_mode: 'service:'", '5:19: services.a.network_mode: there is no service ""'),
        ("links: [b, 'c:d']", '5:16: services.a.links[1]: there is no service "c"'),
        ("links: ['b:c:d']", '5:13: services.a.links[0]: there is no service "b:c:d"'),
        ("volumes_from: [c]", '5:20: services.a.volumes_from[0]: there is no service "c"'),
        ("ipc: service:a", "5:10: services.a.ipc: dependency cycle: a → a"),
        ("pid: service:off", '5:10: services.a.pid: the service "off" is off: none of its profiles is active'),
    ],
)
def test_a_reference_that_leads_nowhere(keys: str, problem: str) -> None:
    text = services(keys) + "  off: {image: x, profiles: [p]}\n"
    assert problems(text) == [f"compose.yaml:{problem}"]


def needs(text: str, name: str) -> list[tuple[str, Condition, bool]]:
    """The containers that a container requires, each with its condition and whether it starts anew with it."""
    requires = wanted(text)[f"container/{name}"].requires
    return [(one.key.name, one.condition, one.restart) for one in requires if one.key.kind == "container"]


@pytest.mark.parametrize(
    "keys",
    [
        "network_mode: container:web-b-1",
        "pid: container:web-b-1",
        "volumes_from: ['container:web-b-1:ro']",
        "external_links: ['web-b-1:db']",
    ],
)
def test_a_container_of_the_project_that_is_named_as_such_is_needed_too(keys: str) -> None:
    assert needs(services(keys), "web-a-1") == [("web-b-1", Condition.STARTED, True)]
    assert needs(services(keys), "web-b-1") == []


def test_what_is_said_of_the_service_counts_before_what_its_container_is_named_for() -> None:
    keys = "external_links: [web-b-1]\ndepends_on: {b: {condition: service_completed_successfully}}"
    assert needs(services(keys), "web-a-1") == [("web-b-1", Condition.COMPLETED, False)]


@pytest.mark.parametrize(
    "depends", ["[b]", "{b: {condition: service_healthy}}", "{b: {condition: service_healthy, restart: false}}"]
)
@pytest.mark.parametrize(
    "shares",
    [f"{key}: {owner}" for key in ("network_mode", "pid", "ipc") for owner in ("service:b", "container:web-b-1")],
)
def test_whoever_is_in_a_namespace_of_another_is_started_anew_with_it_whatever_depends_on_says(
    shares: str, depends: str
) -> None:
    condition = Condition.HEALTHY if "healthy" in depends else Condition.STARTED
    found = needs(services(f"{shares}\ndepends_on: {depends}"), "web-a-1")
    assert found == [("web-b-1", condition, True)]


def test_a_link_is_no_reason_where_depends_on_says_otherwise() -> None:
    assert needs(services("links: [b]\ndepends_on: [b]"), "web-a-1") == [("web-b-1", Condition.STARTED, False)]


@pytest.mark.parametrize("b", ["pid: 'container:web-a-1'", "depends_on: [a]"])
def test_containers_that_name_each_other_wait_for_nobody(b: str) -> None:
    text = services("ipc: container:web-b-1", b=f"image: x, {b}")
    assert needs(text, "web-a-1") == []


def test_a_container_of_somebody_else_is_not_required() -> None:
    assert needs(services("ipc: container:other\nexternal_links: [one]"), "web-a-1") == []


def test_starting_anew_is_passed_on() -> None:
    text = services("depends_on: {b: {condition: service_healthy, restart: true, required: false}}")
    (found,) = (one for one in wanted(text)["container/web-a-1"].requires if one.key.kind == "container")
    assert found == Requirement(Key("container", "web-b-1"), Condition.HEALTHY, optional=True, restart=True)


# --- networks ---------------------------------------------------------------------------------------------------

NETWORKS = "networks: {one: , two: }\n"


def endpoint(text: str) -> dict[str, Any]:
    found: dict[str, Any] = body(f"networks: {{default: {text}}}")["NetworkingConfig"]["EndpointsConfig"]["web_default"]
    return {key: value for key, value in found.items() if key != "Aliases"}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", {}),
        ("{}", {"IPAMConfig": {}}),
        ("{link_local_ips: [169.254.8.8]}", {"IPAMConfig": {"LinkLocalIPs": ["169.254.8.8"]}}),
        ("{mac_address: '02:42:ac:11:65:43'}", {"IPAMConfig": {}, "MacAddress": "02:42:ac:11:65:43"}),
        ("{driver_opts: {a: 1}, gw_priority: 5}", {"IPAMConfig": {}, "DriverOpts": {"a": "1"}, "GwPriority": 5}),
        ("{interface_name: eth9}",
         {"IPAMConfig": {}, "DriverOpts": {"com.docker.network.endpoint.ifname": "eth9"}}),
        ("{interface_name: eth9, driver_opts: {com.docker.network.endpoint.ifname: e}}",
         {"IPAMConfig": {}, "DriverOpts": {"com.docker.network.endpoint.ifname": "e"}}),
    ],
)  # fmt: skip
def test_an_endpoint(keys: str, expected: dict[str, Any]) -> None:
    assert endpoint(keys) == expected


def test_the_address_of_the_card_is_that_of_the_primary_network() -> None:
    text = f"services: {{a: {{image: x, mac_address: m, networks: {{one: , two: {{priority: 1}}}}}}}}\n{NETWORKS}"
    found = wanted(text)["container/web-a-1"].spec["body"]
    endpoints = found["NetworkingConfig"]["EndpointsConfig"]
    assert endpoints["web_two"]["MacAddress"] == "m"
    assert "MacAddress" not in endpoints["web_one"]
    assert "MacAddress" not in found
    assert found["HostConfig"]["NetworkMode"] == "web_two"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("disabled", ("disabled", True, {})),
        ("bridge", ("bridge", None, {})),
        ("''", ("none", None, {})),
    ],
)
def test_a_mode_without_networks(mode: str, expected: tuple[str, bool | None, Any]) -> None:
    found = body(f"network_mode: {mode}")
    seen = (found["HostConfig"]["NetworkMode"], found.get("NetworkDisabled"), found.get("NetworkingConfig", {}))
    assert seen == expected


# --- engines of another age -------------------------------------------------------------------------------------


def test_an_old_engine_is_told_of_each_further_network_after_the_container() -> None:
    text = f"services: {{a: {{image: x, mac_address: m, networks: [two, one]}}}}\n{NETWORKS}"
    calls = engine_calls(project(text), "/p", (1, 43))
    assert [call["call"] for call in calls] == ["network.create"] * 2 + ["container.create", "network.connect"]
    assert calls[0]["body"]["CheckDuplicate"] is True
    assert calls[2]["body"]["MacAddress"] == "m"
    assert list(calls[2]["body"]["NetworkingConfig"]["EndpointsConfig"]) == ["web_one"]
    assert calls[3] == {
        "call": "network.connect",
        "network": "web_two",
        "body": {"Container": "<web-a-1>", "EndpointConfig": {"Aliases": ["web-a-1", "a"]}},
    }
    newer = engine_calls(project(text), "/p", (1, 44))
    assert [call["call"] for call in newer] == ["network.create"] * 2 + ["container.create"]
    assert "CheckDuplicate" not in newer[0]["body"]


@pytest.mark.parametrize(
    ("keys", "path", "since"),
    [
        ("annotations: {a: b}", "HostConfig.Annotations", (1, 43)),
        ("healthcheck: {start_period: 1s, start_interval: 1s}", "Healthcheck.StartInterval", (1, 44)),
        ("networks: {default: {gw_priority: 1}}", "NetworkingConfig.EndpointsConfig.web_default.GwPriority", (1, 48)),
    ],
)
def test_what_came_later_is_not_sent_to_an_older_engine(keys: str, path: str, since: tuple[int, int]) -> None:
    for api, there in ((since, True), ((1, since[1] - 1), False)):
        found: Any = engine_calls(project(services(keys)), "/p", api)[1]["body"]
        for step in path.split("."):
            found = found.get(step, {})
        assert bool(found) is there


def test_a_call_names_a_container_of_its_own_by_an_id_that_is_not_known_yet() -> None:
    calls = engine_calls(project(services("ipc: service:b\nvolumes_from: [b]")), "/p")
    asked = next(call["body"]["HostConfig"] for call in calls if call.get("name") == "web-a-1")
    assert (asked["IpcMode"], asked["VolumesFrom"]) == ("container:@CID(web-b-1)@", ["@CID(web-b-1)@"])


# --- seccomp ----------------------------------------------------------------------------------------------------

PROFILE = '{\n  "defaultAction": "a b \\" c",\n  "n": [1.50, 2]\n}\n'


@pytest.mark.parametrize("option", ["seccomp=./p.json", "seccomp:p.json"])
def test_a_seccomp_profile_is_sent_as_its_content_without_space(option: str) -> None:
    text = services(f"security_opt: ['{option}', no-new-privileges, seccomp=unconfined]")
    found = wanted(text, {"p.json": PROFILE})["container/web-a-1"].spec["body"]["HostConfig"]["SecurityOpt"]
    assert found[0] == 'seccomp={"defaultAction":"a b \\" c","n":[1.50,2]}'
    assert found[1:] == ["no-new-privileges", "seccomp=unconfined"]


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("seccomp=no.json", 'there is no file "no.json" in the repository'),
        ("seccomp=../p.json", '"../p.json" leads out of the repository'),
        ("seccomp=bad.json", 'the seccomp profile "bad.json" is no JSON'),
        ("seccomp=deep.json", 'the seccomp profile "deep.json" is no JSON'),
        ("apparmor", '"apparmor" is no security option'),
    ],
)
def test_a_security_option_that_cannot_be_run_is_refused_when_it_is_to_run(option: str, problem: str) -> None:
    text, files = services(f"security_opt: [{option}]"), {"bad.json": "{,}", "deep.json": "[" * 100_000}
    assert project(text, files).services["a"]["security_opt"] == [option]
    with pytest.raises(BadManifest) as caught:
        wanted(text, files)
    assert [str(one) for one in caught.value.problems] == [f"compose.yaml:5:20: services.a.security_opt[0]: {problem}"]


def test_where_the_hash_needs_ids_the_host_is_told_what_to_hash() -> None:
    found = wanted(services("network_mode: service:b\nvolumes_from: [b, container:c]", b="image: x, links: [d]")
                   + "  d: {image: x}\n")  # fmt: skip
    text = found["container/web-a-1"].spec["hashed"]
    assert '"network_mode":"container:\\u0000web-b-1\\u0000"' in text
    assert '"volumes_from":["\\u0000web-b-1\\u0000","c"]' in text
    assert "hashed" not in found["container/web-b-1"].spec
    by_name = hashlib.sha256(text.replace("\\u0000", "").encode()).hexdigest()
    assert found["container/web-a-1"].spec["body"]["Labels"]["com.docker.compose.config-hash"] == by_name
