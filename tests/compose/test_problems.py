"""What is wrong with a file: every problem at once, each at its exact place."""

from __future__ import annotations

import math
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.compose import LoadOptions, bindings, load
from agent.compose.bindings import Target
from agent.compose.findings import MOST_PROBLEMS
from agent.compose.resources import resources
from agent.compose.schema import SERVICE_FIELDS
from agent.errors import BadManifest
from tests.compose.tree import DictTree, problems, project


def test_the_problems_of_a_file_are_told_together_and_in_order() -> None:
    text = """\
        services:
          web:
            image: nginx
            ports:
              - 80:80
              - publised: 90
                target: 9
            restrat: always
          db:
            image: postgres
            depends_on:
              web: {condition: healthy}
        """
    tree = DictTree({"stacks/web/compose.yaml": textwrap.dedent(text)})
    with pytest.raises(BadManifest) as caught:
        load(tree, LoadOptions(directory="stacks/web"))
    assert str(caught.value).splitlines() == [
        'stacks/web/compose.yaml:6:9: services.web.ports[1]: unknown key "publised", did you mean "published"?',
        'stacks/web/compose.yaml:8:5: services.web: unknown key "restrat", did you mean "restart"?',
        'stacks/web/compose.yaml:12:24: services.db.depends_on.web.condition: "healthy" is not one of '
        "service_started, service_healthy, service_completed_successfully",
    ]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("image: 5", "4:12: services.a.image: must be a string, not a number, put it in quotes"),
        ("user: 1000", "4:11: services.a.user: must be a string, not a number, put it in quotes"),
        ("restart: true", "4:14: services.a.restart: must be a string, not a boolean, put it in quotes"),
        ("hostname: 2001-01-01", "4:15: services.a.hostname: must be a string, not a date, put it in quotes"),
        ("hostname: [x]", "4:15: services.a.hostname: must be a string, not a list"),
        ("init: maybe", '4:11: services.a.init: "maybe" is not a boolean, write true or false'),
        ("scale: x", '4:12: services.a.scale: "x" is not a whole number'),
        ("scale: -1", "4:12: services.a.scale: must be at least 0"),
        ("scale: .nan", '4:12: services.a.scale: "nan" is not a whole number'),
        ("scale: 1001", "3:3: services.a: 1001 containers are more than the 1000 that one service may have"),
        ("cpus: x", '4:11: services.a.cpus: "x" is not a number'),
        ("mem_limit: 64mx", '4:16: services.a.mem_limit: "64mx" is no size such as 64m or 1.5g'),
        ("stop_grace_period: 10", "4:24: services.a.stop_grace_period: must be a duration with its unit, "
         "write 10s for seconds"),
        ("stop_grace_period: 10sec", '4:24: services.a.stop_grace_period: "10sec" is no duration such as 10s or 1m30s'),
        ("command: 'a \"b'", "4:14: services.a.command: is no command line: a quote or an escape is not closed"),
        ("command: [1]", "4:15: services.a.command[0]: must be a string, not a number, put it in quotes"),
        ("ports:", "4:11: services.a.ports: has no value: it must be a list"),
        ("ports: [a]", '4:13: services.a.ports[0]: the port "a" is no port number or range'),
        ("ports: [{published: 80}]", '4:13: services.a.ports[0]: needs the key "target"'),
        ("ports: [{target: 80, host_ip: x}]", '4:35: services.a.ports[0].host_ip: "x" is no IP address'),
        ("ports: [80.5]", '4:13: services.a.ports[0]: must be a string, a whole number or a mapping, not a number'),
        ("environment: [5]", "4:19: services.a.environment[0]: must be a string, not a number, put it in quotes"),
        ("environment: ['A =1']", '4:19: services.a.environment[0]: the name "A " ends with a space'),
        ("environment: {A: 2001-01-01}", "4:22: services.a.environment.A: must be a string, a number or a boolean, "
         "not a date, put it in quotes"),
        ("storage_opt: {A: 2001-01-01}", "4:22: services.a.storage_opt.A: must be a string or a number, "
         "not a date, put it in quotes"),
        ("logging: {options: {A: 2001-01-01}}", "4:28: services.a.logging.options.A: must be a string or a number, "
         "not a date, put it in quotes"),
        ("environment: {A: [1]}", "4:22: services.a.environment.A: must be a string, a number or a boolean, "
         "not a list"),
        ("labels: x", "4:13: services.a.labels: must be a mapping or a list, not a string"),
        ("env_file: no.env", '4:15: services.a.env_file[0]: there is no file "no.env" in the repository'),
        ("env_file: ../no.env", "4:15: services.a.env_file[0]: leads out of the repository"),
        ("env_file: /etc/passwd", "4:15: services.a.env_file[0]: leads out of the repository"),
        ("env_file: [{path: e, format: toml}]", '4:34: services.a.env_file[0].format: "toml" is not one of raw'),
        ("depends_on: [b]", '4:18: services.a.depends_on.b: there is no service "b"'),
        ("depends_on: {a: {}}", '4:21: services.a.depends_on.a: needs the key "condition"'),
        ("depends_on: [a]", "4:18: services.a.depends_on.a: dependency cycle: a → a"),
        ("depends_on: [b, b]", '4:21: services.a.depends_on[1]: "b" is in the list already'),
        ("networks: [front]", '4:16: services.a.networks.front: the network "front" is not defined, '
         'define it under "networks:"'),
        ("networks: [x-front]", "4:16: services.a.networks.x-front: Compose reads such a key as an extension here, not "
         "as a network, rename the network"),
        ("volumes: [data:/d]", '4:15: services.a.volumes[0]: the volume "data" is not defined, '
         'define it under "volumes:"'),
        ("volumes: ['data:']", '4:15: services.a.volumes[0]: the volume "data:" has an empty section between colons'),
        ("volumes: [{type: bind, target: /a}]", "4:15: services.a.volumes[0]: a bind mount needs a source"),
        ("volumes: [/a:/x, /b:/y]\n    tmpfs: /x", "4:15: services.a.volumes[0]: /x is a mount already, by tmpfs[0]"),
        ("tmpfs: [/x, /y, '/x:size=64m']", "4:21: services.a.tmpfs[2]: /x is a mount already, by tmpfs[0]"),
        ("volumes: [~/a:/x]", '4:15: services.a.volumes[0]: "~/a" has no meaning on the host, write an absolute path'),
        ("volumes: [{type: volum, target: y}]", '4:22: services.a.volumes[0].type: "volum" is not one of bind, volume, '
         'tmpfs, cluster, npipe, image, did you mean "volume"?'),
        ("healthcheck: {test: [true]}", "4:26: services.a.healthcheck.test[0]: must be a string, not a boolean, "
         "put it in quotes"),
        ("healthcheck: {test: [curl, x]}", '4:25: services.a.healthcheck.test: a list must start with "CMD", '
         '"CMD-SHELL" or "NONE"'),
        ("extra_hosts: [justhost]", '4:19: services.a.extra_hosts[0]: "justhost" has no address, write host=address'),
        ("ulimits: {nproc: {soft: 5}}", '4:22: services.a.ulimits.nproc: needs the key "hard"'),
        ("container_name: c\n    scale: 2", "4:21: services.a.container_name: 2 containers cannot all have this name"),
        ("scale: 2\n    deploy: {replicas: 3}", "4:12: services.a.scale: scale is 2, but deploy.replicas is 3"),
        ("network_mode: host\n    networks: [default]", "4:19: services.a.network_mode: network_mode and networks "
         "exclude each other"),
        ("extends:", "4:13: services.a.extends: has no value: it must be a string or a mapping"),
        ("build: [.]", "4:12: services.a.build: must be a string or a mapping, not a list"),
        (
            "x-windlass: {rollout: {timeout: -1s}}",
            '4:37: services.a.x-windlass.rollout.timeout: "-1s" is negative, write a time of 0s or more',
        ),
        (
            "x-windlass: {rollout: {max_failure_ratio: 2}}",
            '4:47: services.a.x-windlass.rollout.max_failure_ratio: "2" is no share between 0 and 1, write 0.2 for a '
            "fifth",
        ),
        (
            "x-windlass: {image_interval: -5m}",
            '4:34: services.a.x-windlass.image_interval: "-5m" is negative, write a time of 0s or more',
        ),
        ("x-windlass: {ignored: [a]}", '4:18: services.a.x-windlass: unknown key "ignored", did you mean "ignore"?'),
        ("x-windlass: {rollout: {order: both}}", '4:35: services.a.x-windlass.rollout.order: "both" is not one of '
         "start-first, stop-first"),
        ("x-windlass: {after: [db]}", '4:18: services.a.x-windlass: unknown key "after"'),
    ],
)  # fmt: skip
def test_a_problem_of_a_service(keys: str, problem: str) -> None:
    image = "" if keys.startswith("image") else "image: x"
    text = f"services:\n  b-unused: {{image: x}}\n  a:\n    {keys}\n    {image}\n"
    assert problems(text) == [f"compose.yaml:{problem}"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("foo: 1", '1:1: unknown key "foo"'),
        ("services: []", "1:11: services: must be a mapping, not a list"),
        ("services:", "1:10: services: has no value: it must be a mapping"),
        ("services: {a: 5}", "1:15: services.a: must be a mapping, not a number"),
        ("services: {a: {}}", '1:12: services.a: needs the key "image" or "build"'),
        ("services: {a/b: {image: x}}", '1:12: services: "a/b" is no valid name: letters, digits, ".", "_" and "-" '
         "only"),
        ("include: [x.yaml]", '1:11: include[0]: there is no file "x.yaml" in the repository'),
        ("x-windlass: {after: 5}", "1:21: x-windlass.after: must be a list, not a number"),
        ("networks: {n: {x-windlass: {}}}", "1:16: networks.n.x-windlass: is read at the top of a file and in services "
         "only"),
        ("name: 5", "1:7: name: must be a string, not a number, put it in quotes"),
        ("volumes: {v: {external: true, driver: d}}", '1:31: volumes.v: an external volume has no "driver": it is '
         "used as it is"),
        ("networks: {n: {ipam: {options: {a: 5}}}}", "1:36: networks.n.ipam.options.a: must be a string, not a number, "
         "put it in quotes"),
        ("networks: {n: {external: {name: x}, name: y}}", "1:26: networks.n.external: the name here differs from the "
         "one beside it, keep only the one beside external: true"),
    ],
)  # fmt: skip
def test_a_problem_of_the_document(text: str, problem: str) -> None:
    assert problems(text) == [f"compose.yaml:{problem}"]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        pytest.param("services: {a: {image: x, pre_start: [{command: x}]}}", "1:26: services.a.pre_start", id="hook"),
        pytest.param(
            "services: {a: {build: {context: ., no_cache_filter: x}}}",
            "1:36: services.a.build.no_cache_filter",
            id="build",
        ),
    ],
)
def test_what_is_newer_than_the_compose_that_render_follows(text: str, at: str) -> None:
    project(text)
    assert problems(text, newest=False) == [
        f"compose.yaml:{at}: Docker Compose 2.40 does not know it: it came with 5.5, --newest reads it"
    ]


def test_a_cycle_is_named_by_its_path() -> None:
    text = """\
        services:
          a: {image: x, depends_on: [b]}
          b: {image: x, depends_on: [c]}
          c: {image: x, depends_on: [b]}
    """
    assert problems(text) == ["compose.yaml:4:30: services.c.depends_on.b: dependency cycle: b → c → b"]


def test_a_long_chain_of_services_is_no_trouble() -> None:
    lines = [f"  s{n}: {{image: x, depends_on: [s{n + 1}]}}" for n in range(3000)]
    text = "\n".join(["services:", *lines, "  s3000: {image: x, depends_on: [s0]}"])
    (problem,) = problems(text)
    assert "dependency cycle: s0 → s1 → s2" in problem


def test_one_container_name_is_given_once() -> None:
    text = "services:\n  a: {image: x, container_name: cn}\n  b: {image: x, container_name: cn}\n"
    assert problems(text) == [
        'compose.yaml:3:33: services.b.container_name: the container name "cn" is taken by the service "a"'
    ]


def test_there_is_a_most_of_problems() -> None:
    text = "services:\n" + "".join(f"  s{n}: {{foo: 1}}\n" for n in range(5000))
    assert len(problems(text)) == MOST_PROBLEMS


def test_ranges_of_ports_cannot_stand_for_millions() -> None:
    text = "services:\n  a:\n    image: x\n    ports:\n" + "      - 1-60000\n" * 100
    assert "the ranges of ports of this stack stand for too many ports" in problems(text)[0]


@pytest.mark.parametrize(
    ("tree", "reason", "problem"),
    [
        (DictTree({}), "ConfigInvalid", ".:1:1: holds no Compose file, such as compose.yaml"),
        (DictTree({}, links=("compose.yaml",)), "SymlinkRefused",
         "compose.yaml:1:1: compose.yaml is a symlink, which is not followed"),
        (DictTree({"compose.yaml": "x" * (4 * 1024 * 1024 + 1)}), "FileTooLarge",
         'compose.yaml:1:1: the file "compose.yaml" has more than 4194304 bytes'),
        (DictTree({"compose.yaml": "[" * 100_000}), "YamlTooDeep",
         "compose.yaml:1:65: nested deeper than 64 levels"),
        (DictTree({"compose.yaml": "services: {}", ".env": "A B=1"}), "ConfigInvalid",
         ".env:1:1: the name of a variable cannot hold a space"),
        (DictTree({"compose.yaml": "services: {a: {image: x, env_file: [d/e]}}"}, submodules=("d",)), "SymlinkRefused",
         "compose.yaml:1:37: services.a.env_file[0]: d is a submodule, which is not followed"),
    ],
    ids=["no file", "a link", "too large", "too deep", "bad .env", "env_file in a submodule"],
)  # fmt: skip
def test_a_file_that_cannot_be_read(tree: DictTree, reason: str, problem: str) -> None:
    with pytest.raises(BadManifest) as caught:
        load(tree, LoadOptions(project_name="p"))
    assert [str(one) for one in caught.value.problems] == [problem]
    assert caught.value.reason == reason


def test_what_something_is_called_makes_no_secret_of_its_settings() -> None:
    (problem,) = problems("services: {session-key: {image: x, ports: [a]}}")
    assert 'the port "a" is no port number' in problem
    (problem,) = problems("services: {a: {image: x, depends_on: {auth: {condition: healthy}}}, auth: {image: x}}")
    assert 'services.a.depends_on.auth.condition: "healthy" is not one of' in problem
    (problem,) = problems("services: {a: {image: x, networks: {keys: {ipv4_address: [x], priority: y}}}}")[1:]
    assert 'services.a.networks.keys.priority: "y" is not a whole number' in problem
    (problem,) = problems("services: {a: {image: x, environment: {SESSION_KEY: [hunter2]}}}")
    assert "hunter2" not in problem


@pytest.mark.parametrize("path", ["/x", "..", "../x", "./a/../../x", "a//../../x", "a/../../x"])
def test_no_spelling_of_a_path_leads_out(path: str) -> None:
    (problem,) = problems(f"services:\n  a:\n    image: x\n    env_file: {path}\n")
    assert "leads out of the repository" in problem


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(SERVICE_FIELDS)), values, max_size=4))
def test_no_value_of_any_key_makes_it_fail_in_another_way(keys: dict[str, object]) -> None:
    tree = DictTree({"compose.yaml": _flow({"services": {"a": {"image": "x", **keys}}})})
    try:
        load(tree, LoadOptions(project_name="p"))
    except BadManifest as error:
        assert error.problems  # noqa: PT017 - whether it is raised depends on the example


def _flow(value: object) -> str:
    """YAML in flow style, which is JSON but for the numbers that are none."""
    match value:
        case dict():
            return "{" + ", ".join(f"{_flow(str(key))}: {_flow(one)}" for key, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case str():
            return '"' + "".join(f"\\U{ord(char):08x}" for char in value if not "\ud800" <= char <= "\udfff") + '"'
        case None:
            return "null"
        case float():
            return repr(value) if math.isfinite(value) else ".inf"
        case _:
            return str(value).lower()


def test_a_message_has_an_end_however_long_the_names_in_it_are() -> None:
    name = "n" * 50_000
    text = f"services: {{{name}: {{image: x, depends_on: [{name}x], {name}: 1}}}}"
    assert problems(text)
    assert all(len(problem) < 2_000 for problem in problems(text))


def test_a_stack_may_not_mount_more_of_the_repository_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bindings, "MOST_BYTES", 2_000)
    text = 'services: {a: {image: x, volumes: ["./big:/big:ro"]}}'
    loaded = project(text, {"big/x": b"x" * 3_000})
    with pytest.raises(BadManifest) as caught:
        resources(loaded, DictTree({"big/x": b"x" * 3_000}), Target("/srv/stacks/web", "/srv/files"))
    assert "more than 0 MiB of the repository" in str(caught.value.problems[0])
