"""What could be read is checked beside what could not, and nothing is told as wrong for what is missing elsewhere."""

from __future__ import annotations

import pytest

from agent.compose import LoadOptions, load
from agent.compose.admit import admit
from tests.compose.tree import DictTree, problems


def test_what_refers_to_a_broken_element_is_not_reported_as_well() -> None:
    text = """\
        services:
          a: {image: x, depends_on: [b], networks: [n]}
          b: {imagee: x}
        networks:
          n: {drivr: x}
    """
    assert problems(text) == [
        'compose.yaml:3:7: services.b: unknown key "imagee", did you mean "image"?',
        'compose.yaml:5:7: networks.n: unknown key "drivr", did you mean "driver"?',
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            """\
            services:
              web:
                image: nginx
                restrat: always
                env_file: missing.env
                networks: [front]
                depends_on: [db]
                secrets: [token]
                volumes: [data:/d, data:/d2]
                ports: ["80:80"]
              other:
                image: Bad
                ports: ["80:90"]
            """,
            [
                '4:5: services.web: unknown key "restrat", did you mean "restart"?',
                '5:15: services.web.env_file[0]: there is no file "missing.env" in the repository',
                '6:16: services.web.networks.front: the network "front" is not defined, define it under "networks:"',
                '7:18: services.web.depends_on.db: there is no service "db"',
                '8:15: services.web.secrets[0]: the secret "token" is not defined, define it under "secrets:"',
                '9:15: services.web.volumes[0]: the volume "data" is not defined, define it under "volumes:"',
                '9:24: services.web.volumes[1]: the volume "data" is not defined, define it under "volumes:"',
                '12:12: services.other.image: "Bad" is no image reference',
                "13:13: services.other.ports[0]: port 80/tcp of the host is published by services.web already",
            ],
        ),
        (
            "services: {a: {imag: x, restart: 5}}",
            [
                '1:16: services.a: unknown key "imag", did you mean "image"?',
                "1:34: services.a.restart: must be a string, not a number, put it in quotes",
            ],
        ),
        (
            "services: {a: {image: [x], build: }}",
            [
                "1:23: services.a.image: must be a string, not a list",
                "1:35: services.a.build: has no value: it must be a string or a mapping",
            ],
        ),
        ("services: {a: 5, b: {image: x, depends_on: [a]}}", ["1:15: services.a: must be a mapping, not a number"]),
        (
            "services: {a: {image: x, profile: [p]}, b: {image: x, depends_on: [a], network_mode: service:a}}",
            ['1:26: services.a: unknown key "profile", did you mean "profiles"?'],
        ),
        (
            "services: {a: {image: x, profile: [p], networks: [n]}}",
            ['1:26: services.a: unknown key "profile", did you mean "profiles"?'],
        ),
        (
            "services: {a: {image: x, networks: [n, 5]}}",
            ["1:40: services.a.networks[1]: must be a string, not a number, put it in quotes"],
        ),
        (
            "services: {a: {image: x, networks: [n]}}\nnetwork: {n: {}}",
            ['2:1: unknown key "network", did you mean "networks"?'],
        ),
        ("services: {a: {image: x, networks: [n]}}\nnetworks: [n]", ["2:11: networks: must be a mapping, not a list"]),
        (
            "services: {a: {image: x, networks: [n], volumes: [vol:/v]}}\nnetworks: {m: }\nnetworks: {n: }",
            [
                '1:51: services.a.volumes[0]: the volume "vol" is not defined, define it under "volumes:"',
                '3:1: key "networks" is already defined at line 2',
            ],
        ),
        (
            "services: {a: {image: x, scale: -1, ports: [80:80]}, b: {image: x, ports: [80:80]}}",
            ["1:33: services.a.scale: must be at least 0"],
        ),
        (
            "services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {fil: x, external: true, driver: d}}",
            [
                '2:15: secrets.s: unknown key "fil", did you mean "file"?',
                "2:33: secrets.s.external: plain Docker keeps no secrets to refer to: only Docker's Swarm mode has "
                "them, say where its content comes from: file or environment",
                "2:47: secrets.s.driver: plain Docker has no drivers for secrets: only Docker's Swarm mode has them, "
                "leave it out",
            ],
        ),
        (
            "services: {a: {image: x, build: {contxt: .}, container_name: cc}, b: {build: ., container_name: cc}}",
            [
                '1:34: services.a.build: unknown key "contxt", did you mean "context"?',
                "1:78: services.b.build: images are not built on this host unless its operator allows it, build it "
                "elsewhere, push it to a registry and say only image",
                '1:97: services.b.container_name: the container name "cc" is taken by the service "a"',
            ],
        ),
        (
            "include: [inc.yaml, 5]\nservices: {a: {image: x, env_file: no.env, networks: [n]}}",
            [
                '1:11: include[0]: there is no file "inc.yaml" in the repository',
                "1:21: include[1]: must be a string or a mapping, not a number",
                '2:36: services.a.env_file[0]: there is no file "no.env" in the repository',
            ],
        ),
        (
            "services: {a: {extends: {file: no.yaml, service: b}, env_file: no.env}}",
            ['1:32: services.a.extends.file: there is no file "no.yaml" in the repository'],
        ),
    ],
)  # fmt: skip
def test_what_could_be_read_is_checked_beside_what_could_not(text: str, expected: list[str]) -> None:
    """And nothing is told that is only so because something else was not read."""
    found = problems(text, admission=admit)
    assert found == [f"compose.yaml:{problem}" for problem in expected]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {".env": "A B=1\nPORT=80"},
            [".env:1:1: the name of a variable cannot hold a space",
             "compose.yaml:7:11: services.b.user: must be a string, not a number, put it in quotes"],
        ),
        (
            {"e.env": "X=${NEEDED:?it}"},
            ["compose.yaml:3:12: services.a.image: required variable IMAGE is missing a value: is needed",
             "compose.yaml:7:11: services.b.user: must be a string, not a number, put it in quotes"],
        ),
    ],
    ids=["a file of variables that is wrong", "no file of variables"],
)  # fmt: skip
def test_a_variable_is_missed_only_where_all_are_known(files: dict[str, str], expected: list[str]) -> None:
    text = """\
        services:
          a:
            image: ${IMAGE:?is needed}
            ports: ["${PORT}:80"]
          b:
            image: x
            user: 5
    """
    found = problems(text, files, admission=admit)
    assert found == expected


def test_an_environment_file_is_not_wrong_for_what_could_not_be_read() -> None:
    text = "services: {a: {image: x, environment: [5, NEEDED=1], env_file: [e.env, no.env]}}"
    assert problems(text, {"e.env": "X=${NEEDED:?it}"}) == [
        "compose.yaml:1:40: services.a.environment[0]: must be a string, not a number, put it in quotes",
        'compose.yaml:1:72: services.a.env_file[1]: there is no file "no.env" in the repository',
    ]


def test_a_dependency_that_is_off_is_a_problem_unless_it_is_optional() -> None:
    text = (
        "services:\n  a: {image: x, depends_on: {b: {condition: service_started%s}}}\n  b: {image: x, profiles: [p]}\n"
    )
    assert problems(text % "") == [
        'compose.yaml:2:30: services.a.depends_on.b: the service "b" is off: none of its profiles is active'
    ]
    load(DictTree({"compose.yaml": text % ", required: false"}), LoadOptions(project_name="p"))
