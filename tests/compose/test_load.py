"""Files to the canonical model: discovery, names, merging, environments, and every notation in its long form."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from agent.compose import LoadOptions, load, render
from agent.compose.findings import At, Findings
from agent.compose.schema import DOCUMENT
from agent.errors import BadManifest
from agent.model import Place
from tests.compose.tree import DictTree, project, service

ONE = "services: {a: {image: x}}"


@pytest.mark.parametrize(
    ("there", "read"),
    [
        (["docker-compose.yml"], ["docker-compose.yml"]),
        (["docker-compose.yml", "compose.yaml", "compose.yml"], ["compose.yaml"]),
        (["compose.yaml", "compose.override.yml"], ["compose.yaml", "compose.override.yml"]),
        (["compose.yml", "docker-compose.override.yaml"], ["compose.yml", "docker-compose.override.yaml"]),
    ],
)
def test_the_files_are_found_as_compose_finds_them(there: list[str], read: list[str]) -> None:
    tree = DictTree({f"s/{name}": ONE for name in there})
    loaded = load(tree, LoadOptions(directory="s"))
    assert loaded.files == tuple(f"s/{name}" for name in read)


def test_compose_file_of_the_env_file_names_the_files() -> None:
    tree = DictTree({"s/.env": "COMPOSE_FILE=b.yml:a.yml", "s/a.yml": ONE, "s/b.yml": ONE})
    assert load(tree, LoadOptions(directory="s")).files == ("s/b.yml", "s/a.yml")


@pytest.mark.parametrize(
    ("options", "text", "name"),
    [
        ({"project_name": "given"}, "name: written", "given"),
        ({"environment": {"COMPOSE_PROJECT_NAME": "env"}}, "name: written", "env"),
        ({}, "name: written", "written"),
        ({}, "name: My Proj", "myproj"),
        ({"environment": {"V": "v"}}, "name: a$V", "av"),
        ({"default_name": "other"}, "services: {}", "other"),
    ],
)
def test_the_name_of_a_project(options: dict[str, Any], text: str, name: str) -> None:
    assert project(text, **options).name == name


@pytest.mark.parametrize("name", ["---", "${UNSET}", "é"])
def test_a_name_that_is_written_has_to_leave_something(name: str) -> None:
    with pytest.raises(BadManifest, match=r"compose.yaml:1:7: the project has no name"):
        project(f'name: "{name}"\n{ONE}')


def test_the_directory_names_the_project() -> None:
    tree = DictTree({"stacks/My_Web/compose.yaml": ONE})
    assert load(tree, LoadOptions(directory="stacks/My_Web")).name == "my_web"


@pytest.mark.parametrize("options", [{"project_name": "Bad Name"}, {"environment": {"COMPOSE_PROJECT_NAME": "-"}}])
def test_a_given_name_has_to_be_valid(options: dict[str, Any]) -> None:
    with pytest.raises(BadManifest, match="is no valid project name, use lower-case letters"):
        project(ONE, **options)


def test_a_project_without_any_name_is_a_problem() -> None:
    with pytest.raises(BadManifest, match='the project has no name, write a "name:"'):
        load(DictTree({"compose.yaml": ONE}), LoadOptions())


def test_given_variables_win_over_those_of_the_env_file() -> None:
    files = {".env": "A=file\nB=file\nC=$A"}
    found = service("environment: {A: $A, B: $B, C: $C}", files, environment={"A": "given"})
    assert found["environment"] == {"A": "given", "B": "file", "C": "given"}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("env_file: e", {"F": "1", "G": "sh"}),
        ("env_file: [e, f]", {"F": "2", "G": "sh"}),
        ("env_file: [{path: e}, {path: none, required: false}]", {"F": "1", "G": "sh"}),
        ("env_file: [{path: raw, format: raw}]", {"R": "'$SHELL'"}),
        ("env_file: e\nenvironment: {F: own}", {"F": "own", "G": "sh"}),
        ("env_file: e\nenvironment: {F: }", {"F": None, "G": "sh"}),
        ("environment: [SHELL, UNSET, A=b=c]", {"SHELL": "sh", "UNSET": None, "A": "b=c"}),
        ("environment: {A: 1, B: true, C: 1.10, D: ''}", {"A": "1", "B": "true", "C": "1.1", "D": ""}),
        ("env_file: uses\nenvironment: {OWN: o}", {"OWN": "o", "U": "o-sh"}),
    ],
)
def test_the_environment_of_a_service(keys: str, expected: dict[str, str | None]) -> None:
    files = {"e": "F=1\nG=$SHELL\n", "f": "F=2\n", "raw": "R='$SHELL'\n", "uses": "U=$OWN-$SHELL\n"}
    found = service(keys, files, environment={"SHELL": "sh"})
    assert found["environment"] == expected
    assert "env_file" not in found


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("command: echo 'a b' | x", {"command": ["echo", "a b"]}),
        ("command: []", {"command": []}),
        ("command:", {"command": None}),
        ("ports: [80, '8080:81/udp']", {"ports": [
            {"mode": "ingress", "target": 80, "protocol": "tcp"},
            {"mode": "ingress", "target": 81, "published": "8080", "protocol": "udp"},
        ]}),
        ("ports: [22:22]", {"ports": [{"mode": "ingress", "target": 22, "published": "22", "protocol": "tcp"}]}),
        ("ports: ['80:80', {target: 80, published: 80}]", {"ports": [
            {"target": 80, "published": "80", "mode": "ingress", "protocol": "tcp"}
        ]}),
        ("ports: [{target: '80'}]", {"ports": [{"target": 80, "mode": "ingress", "protocol": "tcp"}]}),
        ("expose: [80, '90/udp', 80]", {"expose": ["80", "90/udp"]}),
        ("depends_on: []", {"depends_on": {}}),
        ("labels: [a=b, c]", {"labels": {"a": "b", "c": ""}}),
        ("labels: {a: 1, c: }", {"labels": {"a": "1", "c": ""}}),
        ("healthcheck: {test: curl x, interval: 90s, retries: '3'}", {"healthcheck": {
            "test": ["CMD-SHELL", "curl x"], "interval": "1m30s", "retries": 3,
        }}),
        ("tmpfs: /run", {"tmpfs": ["/run"]}),
        ("dns: 1.1.1.1", {"dns": ["1.1.1.1"]}),
        ("dns: ['', 1.1.1.1]", {"dns": ["1.1.1.1"]}),
        ("extra_hosts: ['b:1.1.1.1', 'a=[::1]']", {"extra_hosts": ["a=::1", "b=1.1.1.1"]}),
        ("extra_hosts: {a: [1.1.1.1, 2.2.2.2]}", {"extra_hosts": ["a=1.1.1.1", "a=2.2.2.2"]}),
        ("mem_limit: 64m", {"mem_limit": 64 << 20}),
        ("cpus: '0.5'", {"cpus": 0.5}),
        ("init: 'yes'", {"init": True}),
        ("ulimits: {nproc: '5', nofile: {soft: 1, hard: 2}}", {"ulimits": {
            "nproc": 5, "nofile": {"soft": 1, "hard": 2},
        }}),
        ("networks: {default: {aliases: [x, x], priority: 5}}", {"networks": {
            "default": {"aliases": ["x"], "priority": 5},
        }}),
        ("volumes: [./a:/a/, /b:/b:ro]", {"volumes": [
            {"type": "bind", "source": "./a", "target": "/a", "bind": {"create_host_path": True}},
            {"type": "bind", "source": "/b", "target": "/b", "read_only": True, "bind": {"create_host_path": True}},
        ]}),
        ("volumes: [./a:/x, ./b:/x/]", {"volumes": [
            {"type": "bind", "source": "./b", "target": "/x", "bind": {"create_host_path": True}},
        ]}),
        ("logging: {options: {max-size: 10m, max-file: 3}}", {"logging": {
            "options": {"max-size": "10m", "max-file": "3"},
        }}),
        ("logging: {options: {max-size: }}", {"logging": {"options": {"max-size": ""}}}),
        ("labels: ['a = b', 'c ']", {"labels": {"a ": " b", "c ": ""}}),
        ("x-own: {anything: [1]}", {}),
        ("deploy: {replicas: 2}", {"deploy": {"replicas": 2}}),
    ],
)  # fmt: skip
def test_the_long_form(keys: str, expected: dict[str, Any]) -> None:
    found = service(keys)
    assert {key: found[key] for key in expected} == expected
    assert not any(key.startswith("x-") for key in found)


MERGES = [
    ("image: y", "image: z", {"image": "z"}),
    ("command: [a]", "command: [b]", {"command": ["b"]}),
    ("command: [a]", "command:", {"command": None}),
    ("entrypoint: a", "hostname: h", {"entrypoint": ["a"], "hostname": "h"}),
    ("environment: [A=1, B=1]", "environment: {B: 2, C: 2}", {"environment": {"A": "1", "B": "2", "C": "2"}}),
    ("environment: {A: 1}", "environment: {A: }", {"environment": {"A": None}}),
    ("environment: {A: 1}", "environment:", {"environment": {"A": "1"}}),
    ("labels: {a: 1}", "labels: [b=2]", {"labels": {"a": "1", "b": "2"}}),
    ("cap_add: [A]", "cap_add: [B, A]", {"cap_add": ["A", "B"]}),
    ("security_opt: ['label:a']", "security_opt: ['label:b']", {"security_opt": ["label:a", "label:b"]}),
    ("dns: 1.1.1.1", "dns: [2.2.2.2]", {"dns": ["1.1.1.1", "2.2.2.2"]}),
    ("extra_hosts: ['a:1']", "extra_hosts: ['a:1', 'b:2']", {"extra_hosts": ["a=1", "b=2"]}),
    ("ulimits: {n: {soft: 1, hard: 2}}", "ulimits: {n: 5}", {"ulimits": {"n": 5}}),
    ("healthcheck: {test: a, retries: 3}", "healthcheck: {test: [NONE]}",
     {"healthcheck": {"test": ["NONE"], "retries": 3}}),
    ("logging: {driver: a, options: {x: 1}}", "logging: {options: {y: 2}}",
     {"logging": {"driver": "a", "options": {"x": "1", "y": "2"}}}),
    ("logging: {driver: a, options: {x: 1}}", "logging: {driver: b}", {"logging": {"driver": "b"}}),
    ("logging: {options: {x: 1}}", "logging: {options: {x: , y: }}", {"logging": {"options": {"x": "1", "y": ""}}}),
    ("networks: [n]", "networks: {m: {priority: 1}, n: }", {"networks": {"n": None, "m": {"priority": 1}}}),
    ("ports: ['80:80']", "ports: ['80:80', '81:81']", {"ports": [
        {"mode": "ingress", "target": 80, "published": "80", "protocol": "tcp"},
        {"mode": "ingress", "target": 81, "published": "81", "protocol": "tcp"},
    ]}),
    ("volumes: [/a:/x, /b:/y]", "volumes: [/c:/x]", {"volumes": [
        {"type": "bind", "source": "/c", "target": "/x", "bind": {"create_host_path": True}},
        {"type": "bind", "source": "/b", "target": "/y", "bind": {"create_host_path": True}},
    ]}),
    ("depends_on: {b: {condition: service_healthy}}", "depends_on: {b: {restart: true}}", {"depends_on": {
        "b": {"condition": "service_healthy", "restart": True, "required": True},
    }}),
    ("depends_on: {b: {condition: service_healthy}}", "depends_on: [b]", {"depends_on": {
        "b": {"condition": "service_started", "required": True},
    }}),
]  # fmt: skip


@pytest.mark.parametrize("separate", [True, False], ids=["two files", "two documents"])
@pytest.mark.parametrize(("base", "over", "expected"), MERGES)
def test_an_override(base: str, over: str, expected: dict[str, Any], separate: bool) -> None:
    first = f"services:\n  a:\n    image: x\n    {base}\n".replace("    image: x\n    image", "    image")
    first += "  b: {image: x}\nnetworks: {n: , m: }\n"
    second = f"services:\n  a:\n    {over}\n"
    files = {"compose.yaml": first, "compose.override.yaml": second}
    tree = DictTree(files if separate else {"compose.yaml": f"{first}---\n{second}"})
    found = load(tree, LoadOptions(project_name="p")).services["a"]
    assert {key: found[key] for key in expected} == expected


def test_a_merged_model_knows_the_file_of_each_part() -> None:
    tree = DictTree({"compose.yaml": ONE, "compose.override.yaml": "services:\n  a:\n    hostname: h\n"})
    loaded = load(tree, LoadOptions(project_name="p"))
    assert loaded.place("services", "a", "hostname") == Place("compose.override.yaml", 3, 15)
    assert loaded.place("services", "a", "image") == Place("compose.yaml", 1, 23)


def test_a_problem_of_an_override_is_told_in_its_file() -> None:
    tree = DictTree({"compose.yaml": ONE, "compose.override.yaml": "services:\n  a:\n    hostnam: h\n"})
    with pytest.raises(BadManifest) as caught:
        load(tree, LoadOptions(project_name="p"))
    assert [str(one) for one in caught.value.problems] == [
        'compose.override.yaml:3:5: services.a: unknown key "hostnam", did you mean "hostname"?'
    ]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["a"]),
        ({"profiles": ("p",)}, ["a", "b"]),
        ({"profiles": ("*",)}, ["a", "b", "c"]),
        ({"environment": {"COMPOSE_PROFILES": "q, p"}}, ["a", "b", "c"]),
    ],
)
def test_profiles_say_which_services_run(options: dict[str, Any], names: list[str]) -> None:
    text = """\
        services:
          a: {image: x}
          b: {image: x, profiles: [p]}
          c: {image: x, profiles: [q]}
    """
    assert sorted(project(text, **options).services) == names


def test_networks_and_volumes_are_named_and_the_unused_dropped() -> None:
    text = """\
        services:
          a: {image: x, networks: [n, e], volumes: [vol:/v]}
        networks: {n: , e: {external: true}, unused: }
        volumes: {vol: {name: own}, unused: }
    """
    loaded = project(text)
    assert {key: network["name"] for key, network in loaded.networks.items()} == {"n": "web_n", "e": "e"}
    assert loaded.volumes == {"vol": {"name": "own"}}


@pytest.mark.parametrize(
    ("keys", "networks"), [("", ["default"]), ("networks: []", ["default"]), ("network_mode: host", [])]
)
def test_the_default_network_is_there_where_it_is_used(keys: str, networks: list[str]) -> None:
    assert list(project(f"services:\n  a:\n    image: x\n    {keys}\n").networks) == networks


def test_render_prints_what_compose_would() -> None:
    text = """\
        x-top: {a: 1}
        services:
          a:
            image: x:${TAG:-1}
            mem_limit: 64m
            privileged: false
            init: false
            environment: {A: "$$x", B: }
            volumes: [./d:/d, ../e:/e, vol:/v]
            networks: {default: {priority: 0}}
        volumes: {vol: {driver: local, driver_opts: {o: bind, type: none, device: ./v}}}
    """
    assert render(project(text), "/srv/web") == {
        "name": "web",
        "networks": {"default": {"name": "web_default", "ipam": {}}},
        "services": {
            "a": {
                "command": None,
                "entrypoint": None,
                "environment": {"A": "$$x", "B": None},
                "image": "x:1",
                "init": False,
                "mem_limit": "67108864",
                "networks": {"default": {}},
                "volumes": [
                    {"type": "bind", "source": "/srv/web/d", "target": "/d", "bind": {"create_host_path": True}},
                    {"type": "bind", "source": "/srv/e", "target": "/e", "bind": {"create_host_path": True}},
                    {"type": "volume", "source": "vol", "target": "/v", "volume": {}},
                ],
            }
        },
        "volumes": {
            "vol": {
                "name": "web_vol",
                "driver": "local",
                "driver_opts": {"o": "bind", "type": "none", "device": "/srv/web/v"},
            }
        },
        "x-top": {"a": 1},
    }


@pytest.mark.parametrize("keys", [over for _, over, _ in MERGES if not over.endswith(":") and "depends_on" not in over])
def test_the_canonical_form_is_itself_valid_and_stays_as_it_is(keys: str) -> None:
    image = "" if keys.startswith("image") else "image: x"
    model = project(f"services:\n  a:\n    {keys}\n    {image}\nnetworks: {{n: , m: }}\n").model
    findings = Findings()
    assert DOCUMENT.read(model, At("", Place("f"), findings)) == model
    assert not findings.problems


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("label_file: l", {"A": "file", "B": "x", "C": "file"}),
        ("label_file: l\nlabels: {A: own, D: }", {"A": "own", "B": "x", "C": "file", "D": ""}),
        ("label_file: [l, m]", {"A": "file", "B": "file!", "C": "later"}),
        ("label_file: [m, l]", {"A": "file", "B": "later", "C": "file"}),
    ],
)
def test_labels_from_files(keys: str, expected: dict[str, str]) -> None:
    files = {"l": "A=file\nB=${C:-x}\nC=file\n", "m": "B=${A:-none}!\nC=later\n", ".env": "A=env\nC=env\n"}
    loaded = project(f"services:\n  a:\n    image: x\n{textwrap.indent(keys, '    ')}\n", files)
    assert loaded.services["a"]["labels"] == expected
    assert "label_file" not in render(loaded, "/srv")["services"]["a"]


def test_a_mistake_in_an_environment_file_is_told_in_that_file() -> None:
    with pytest.raises(BadManifest) as caught:
        service("env_file: [e]", {"e": "A=1\nB C=2\n"})
    assert [str(one) for one in caught.value.problems] == [
        "e:2:1: services.a.env_file[0]: the name of a variable cannot hold a space"
    ]


def test_the_version_of_a_file_is_warned_of() -> None:
    assert [str(one) for one in project(f'version: "3.9"\n{ONE}').warnings] == [
        "compose.yaml:1:10: version: says nothing to Compose any more, leave it out"
    ]


def test_the_old_spelling_of_external_is_read_with_a_warning() -> None:
    text = "services: {a: {image: x, networks: [n]}}\nnetworks: {n: {external: {name: shared}}}\n"
    loaded = project(text)
    assert loaded.networks["n"] == {"external": True, "name": "shared"}
    assert [str(one) for one in loaded.warnings] == [
        "compose.yaml:2:26: networks.n.external: external.name is deprecated, write the name beside external: true"
    ]


def test_address_pools_merge_by_their_subnet_and_extensions_by_their_keys() -> None:
    pools = "networks: {default: {ipam: {config: [%s]}}}\nx-own: {%s}\n"
    first = pools % ("{subnet: 10.0.0.0/24}", "a: [1], b: 1")
    second = pools % ("{subnet: 10.0.0.0/24, gateway: 10.0.0.1}, {subnet: 10.0.1.0/24}", "a: [2], b: 2")
    tree = DictTree({"compose.yaml": f"{ONE}\n{first}", "compose.override.yaml": second})
    loaded = load(tree, LoadOptions(project_name="p"))
    assert loaded.networks["default"]["ipam"]["config"] == [
        {"subnet": "10.0.0.0/24", "gateway": "10.0.0.1"},
        {"subnet": "10.0.1.0/24"},
    ]
    assert loaded.extensions == {"x-own": {"a": [1, 2], "b": 2}}
