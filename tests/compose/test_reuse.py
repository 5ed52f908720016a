"""`extends` and `include`: what is taken from elsewhere, what its paths and variables mean, and where faults stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from agent.compose import LoadOptions, load
from agent.errors import BadManifest
from tests.compose.tree import DictTree, problems, project

BASE = {
    "sub/base.yaml": """
services:
  web:
    image: base
    command: [base]
    environment: {A: base, B: base}
    ports: ["80:80"]
    volumes: ["./data:/data", "named:/n", "/abs:/abs", "~/h:/h"]
    env_file: [x.env]
    label_file: l.labels
    build: {context: ., additional_contexts: {m: ./more, r: "https://h/r.git"}}
    develop: {watch: [{path: ./src, action: rebuild}]}
    depends_on: [db]
    extends: root
  root: {labels: {r: "1"}, cap_add: [A], extends: {file: deeper/root.yaml, service: r}}
  bad: {image: x, ports: 5}
volumes: {named: }
include: [nowhere.yaml]
""",
    "sub/deeper/root.yaml": "services: {r: {labels: {deep: '1'}, volumes: ['./deep:/deep']}}",
    "sub/x.env": "X=1\n",
    "sub/l.labels": "L=1\n",
    "sub/.env": "V=sub\n",
    "alias.yaml": "services: {a: {image: $V, environment: {V: , W: }}}",
}
NAMED = "volumes: {named: }\n"


def extended(text: str, files: Mapping[str, str] | None = None, **options: Any) -> dict[str, Any]:
    """The model of the service `a`, of which `text` are the keys."""
    environment = {"HOME": "/home/me", **options.pop("environment", {})}
    files = {**BASE, **(files or {})}
    found = project(f"services:\n  db: {{image: x}}\n  a: {text}\n{NAMED}", files, environment=environment, **options)
    service: dict[str, Any] = found.services["a"]
    return service


def test_a_service_inherits_everything_and_its_paths_mean_what_they_meant() -> None:
    found = extended("{extends: {file: sub/base.yaml, service: web}, volumes: ['./own:/own']}")
    assert "extends" not in found
    assert found["image"] == "base"
    assert {volume["target"]: volume["source"] for volume in found["volumes"]} == {
        "/deep": "sub/deeper/deep",
        "/data": "sub/data",
        "/n": "named",
        "/abs": "/abs",
        "/h": "/home/me/h",
        "/own": "./own",
    }
    assert found["environment"] == {"A": "base", "B": "base", "X": "1"}
    assert found["labels"] == {"L": "1", "deep": "1", "r": "1"}
    assert found["build"]["context"] == "sub"
    assert found["build"]["additional_contexts"] == {"m": "sub/more", "r": "https://h/r.git"}
    assert found["develop"]["watch"][0]["path"] == "sub/src"
    assert list(found["depends_on"]) == ["db"]
    assert found["cap_add"] == ["A"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("command: own", {"command": ["own"]}),
        ("command: ", {"command": None}),
        ("ports: ['81:81']", {"ports": [("80", 80), ("81", 81)]}),
        ("ports: !override ['81:81']", {"ports": [("81", 81)]}),
        ("ports: !reset []", {"ports": []}),
        ("ports: ", {"ports": [("80", 80)]}),
        ("environment: [B=own, C=own]", {"environment": {"A": "base", "B": "own", "C": "own", "X": "1"}}),
        ("environment: {A: !reset null}", {"environment": {"B": "base", "X": "1"}}),
        ("environment: !override {C: own}", {"environment": {"C": "own", "X": "1"}}),
        ("depends_on: !reset []", {"depends_on": None}),
    ],
)
def test_what_a_service_says_itself_goes_over_what_it_extends(keys: str, expected: dict[str, Any]) -> None:
    found = extended(f"\n    extends: {{file: sub/base.yaml, service: web}}\n    {keys}")
    if "ports" in expected:
        found["ports"] = [(port["published"], port["target"]) for port in found.get("ports") or ()]
    assert {key: found.get(key) for key in expected} == expected


def test_services_of_one_document_may_extend_each_other_in_any_order() -> None:
    text = """
services:
  c: {extends: b, environment: {C: c}}
  b: {extends: {service: a}, environment: {B: b}, ports: !reset []}
  a: {image: x, environment: {A: a}, ports: ["80:80"], profiles: [off]}
  d: {extends: a, profiles: !reset []}
"""
    found = project(text, profiles=("off",)).services
    assert found["c"]["environment"] == {"A": "a", "B": "b", "C": "c"}
    assert "ports" not in found["c"]
    assert found["c"]["profiles"] == ["off"]
    assert "profiles" not in found["d"]
    assert found["d"]["ports"]


def test_a_long_chain_is_no_deep_recursion() -> None:
    services = "".join(f"  s{n}: {{extends: s{n + 1}}}\n" for n in range(1200))
    found = project(f"services:\n{services}  s1200: {{image: x}}\n").services
    assert found["s0"]["image"] == "x"


def test_services_that_grow_by_extending_are_bounded() -> None:
    services = "".join(f"  s{n}: {{extends: s{n + 1}, labels: {{l{n}: ''}}}}\n" for n in range(1200))
    (problem,) = problems(f"services:\n{services}  s1200: {{image: x}}\n")
    assert "have more than 500000 values together" in problem


def test_over_a_service_without_content_extends_stays_as_in_compose() -> None:
    found = extended("{image: x, extends: {file: n/b.yaml, service: n}}", {"n/b.yaml": "services: {n: }"})
    assert found["extends"] == {"service": "n", "file": "n/b.yaml"}


def test_an_override_lies_over_the_extended_service() -> None:
    files = {
        "b.yaml": "services: {b: {image: x, labels: {l: b}, ports: ['1:1']}}",
        "compose.override.yaml": "services: {a: {labels: {o: o}, ports: !reset []}}",
    }
    found = project("services: {a: {extends: {file: b.yaml, service: b}}}", files).services["a"]
    assert (found["labels"], found.get("ports")) == ({"l": "b", "o": "o"}, None)


def test_the_documents_of_an_extended_file_are_merged_first() -> None:
    text = "services: {b: {image: x, ports: ['1:1']}}\n---\nservices: {b: {ports: !reset [], labels: {l: ''}}}\n"
    found = project("services: {a: {extends: {file: b.yaml, service: b}}}", {"b.yaml": text}).services["a"]
    assert dict(found["labels"]) == {"l": ""}
    assert "ports" not in found


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("{file: sub/base.yaml}", 'compose.yaml:3:16: services.a.extends: needs the key "service"'),
        ("{service: }", 'compose.yaml:3:16: services.a.extends: needs the key "service"'),
        ("[x]", "compose.yaml:3:16: services.a.extends: must be a string or a mapping, not a list"),
        ("dbb", 'compose.yaml:3:16: services.a.extends.service: there is no service "dbb" in compose.yaml, did you '
         'mean "db"?'),
        ("{file: sub/base.yaml, service: webb}", "compose.yaml:3:47: services.a.extends.service: there is no service "
         '"webb" in sub/base.yaml, did you mean "web"?'),
        ("{file: none.yaml, service: w}", 'compose.yaml:3:23: services.a.extends.file: there is no file "none.yaml" in '
         "the repository"),
        ("{file: ../x.yaml, service: w}", 'compose.yaml:3:23: services.a.extends.file: "../x.yaml" leads out of the '
         "repository"),
        ("{file: 'https://h/r.git#main:x.yaml', service: w}", "compose.yaml:3:23: services.a.extends.file: "
         '"https://h/r.git#main:x.yaml" lies elsewhere: only files that lie beside this one are read, copy it here'),
        ("a", "compose.yaml:3:16: services.a.extends: a service cannot extend itself: a in compose.yaml → a in "
         "compose.yaml"),
        ("{file: sub/base.yaml, service: bad}", "sub/base.yaml:16:26: services.bad.ports: must be a list, not a number "
         "(extended by compose.yaml:3:23)"),
    ],
)  # fmt: skip
def test_what_cannot_be_extended(keys: str, problem: str) -> None:
    text = f"services:\n  db: {{image: x}}\n  a: {{extends: {keys}}}\n{NAMED}"
    assert problems(text, BASE) == [problem]


def test_a_cycle_through_files_is_shown_whole() -> None:
    files = {
        "s/b.yaml": "services: {b: {extends: {file: ../c.yaml, service: c}}}",
        "c.yaml": "services: {c: {extends: {file: s/b.yaml, service: b}}}",
    }
    assert problems("services: {a: {extends: {file: s/b.yaml, service: b}}}", files) == [
        "c.yaml:1:25: services.c.extends: a service cannot extend itself: b in s/b.yaml → c in c.yaml → b in s/b.yaml "
        "(extended by s/b.yaml:1:32, extended by compose.yaml:1:32)"
    ]


def test_a_fault_below_leaves_nothing_else_to_complain_of() -> None:
    files = {"b.yaml": "services: {b: {extends: none}}"}
    assert problems("services: {a: {extends: {file: b.yaml, service: b}}, c: {extends: a}}", files) == [
        'b.yaml:1:25: services.b.extends.service: there is no service "none" in b.yaml (extended by compose.yaml:1:32)'
    ]


# --- include ----------------------------------------------------------------------------------------------------

INCLUDED = {
    "inc/a.yaml": """
services:
  i:
    image: "${V:-none}"
    volumes: ["./d:/d"]
    env_file: x.env
    environment: [INC, GIVEN]
    secrets: [s]
  j: {image: y, environment: {INC: }}
secrets: {s: {file: ./s.txt}}
volumes: {vol: {driver: local, driver_opts: {type: none, o: bind, device: ./dev}}, unused: }
x-inner: 1
name: other
""",
    "inc/b.yaml": "services: {i: {command: [over], volumes: !override ['./e:/e']}}",
    "inc/x.env": "X=1\n",
    "inc/.env": "V=inc\nINC=inc\n",
    "pd/.env": "V=pd\n",
    "pd/x.env": "X=pd\n",
    "e.env": "V=named\n",
}


def including(entry: str, more: str = "", **options: Any) -> Any:
    text = f"include: [{entry}]\nservices: {{a: {{image: x, depends_on: [i]}}}}\n{more}"
    return project(text, INCLUDED, **options)


@pytest.mark.parametrize(
    ("entry", "image", "source"),
    [
        ("inc/a.yaml", "inc", "inc/d"),
        ("./inc/../inc/a.yaml", "inc", "inc/d"),
        ("{path: inc/a.yaml}", "inc", "inc/d"),
        ("{path: inc/a.yaml, env_file: e.env}", "named", "inc/d"),
        ("{path: inc/a.yaml, env_file: [inc/.env, e.env]}", "named", "inc/d"),
        ("{path: inc/a.yaml, env_file: /dev/null}", "none", "inc/d"),
        ("{path: inc/a.yaml, env_file: []}", "inc", "inc/d"),
        ("{path: inc/a.yaml, project_directory: pd}", "pd", "pd/d"),
        ("{path: inc/a.yaml, project_directory: '${UNSET-}'}", "inc", "inc/d"),
        ("{path: [inc/a.yaml, inc/b.yaml]}", "inc", "inc/e"),
    ],
)
def test_what_is_included_has_variables_and_paths_of_its_own(entry: str, image: str, source: str) -> None:
    found = including(entry)
    assert found.name == "web"
    assert found.services["i"]["image"] == image
    assert found.services["i"]["volumes"][0]["source"] == source
    assert found.secrets["s"]["file"] == f"{source.partition('/')[0]}/s.txt"
    assert found.extensions == {}
    assert found.place("services", "i", "image").file == "inc/a.yaml"


@pytest.mark.parametrize(
    ("entry", "override", "context"),
    [
        ("inc/c.yaml", "{}", "inc"),
        ("{path: inc/c.yaml, project_directory: pd}", "{args: {A: 1}}", "pd"),
        ("inc/c.yaml", "{context: ./own}", "./own"),
    ],
)
def test_a_build_without_a_context_is_one_of_the_included_directory(entry: str, override: str, context: str) -> None:
    files = {"inc/c.yaml": "services: {i: {build: {dockerfile: D}}}"}
    found = project(f"include: [{entry}]\n---\nservices: {{i: {{build: {override}}}}}", files)
    assert found.services["i"]["build"]["context"] == context


def test_given_variables_win_over_those_of_an_include() -> None:
    found = including("inc/a.yaml", environment={"V": "given", "GIVEN": "g"}).services
    assert found["i"]["image"] == "given"
    assert found["i"]["environment"] == {"INC": "inc", "GIVEN": "g", "X": "1"}
    assert found["j"]["environment"] == {"INC": None}


def test_a_secret_has_its_value_from_the_variables_of_the_include() -> None:
    files = {
        "inc/c.yaml": "services: {i: {image: x, secrets: [s, t]}}\nsecrets: {s: {environment: V}, t: {environment: W}}",
        "inc/.env": "V=inc\nW=inc\n",
    }
    found = project("include: [inc/c.yaml]", files, environment={"W": "given"})
    assert (found.supplied("secrets", "s"), found.supplied("secrets", "t")) == ("inc", "given")
    assert "V" not in found.environment


def test_an_override_changes_what_is_included() -> None:
    files = {**INCLUDED, "compose.override.yaml": "services: {i: {image: over, secrets: !reset []}}"}
    found = project("include: [inc/a.yaml]", files).services["i"]
    assert found["image"] == "over"
    assert "secrets" not in found


def test_includes_nest_and_the_same_may_be_included_twice() -> None:
    files = {
        "l1/c.yaml": "include: [l2/c.yaml, ../common.yaml]\nservices: {s1: {image: x, volumes: ['./v:/v']}}",
        "l1/l2/c.yaml": "services: {s2: {image: x, volumes: ['./v:/v'], extends: {file: e.yaml, service: e}}}",
        "l1/l2/e.yaml": "services: {e: {env_file: e.env}}",
        "l1/l2/e.env": "E=1",
        "common.yaml": "services: {c: {image: x, volumes: ['./c:/c'], ports: ['1:1']}}",
    }
    found = project("include: [l1/c.yaml, common.yaml]", files)
    sources = {name: service["volumes"][0]["source"] for name, service in found.services.items()}
    assert sources == {"s1": "l1/v", "s2": "l1/l2/v", "c": "c"}
    assert found.services["s2"]["environment"] == {"E": "1"}


def test_a_volume_that_binds_a_directory_moves_along() -> None:
    text = "include: [inc/a.yaml]\nservices: {a: {image: x, volumes: ['vol:/v']}}"
    assert project(text, INCLUDED).volumes["vol"]["driver_opts"]["device"] == "inc/dev"


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("inc.yaml", "compose.yaml:1:10: include: must be a list, not a string"),
        ("[5]", "compose.yaml:1:11: include[0]: must be a string or a mapping, not a number"),
        ("[{env_file: x}]", 'compose.yaml:1:11: include[0]: needs the key "path"'),
        ("[none.yaml]", 'compose.yaml:1:11: include[0]: there is no file "none.yaml" in the repository'),
        ("[../x.yaml]", 'compose.yaml:1:11: include[0]: "../x.yaml" leads out of the repository'),
        ("[/etc/x.yaml]", 'compose.yaml:1:11: include[0]: "/etc/x.yaml" leads out of the repository'),
        ("[{path: inc/a.yaml, env_file: no.env}]", 'compose.yaml:1:40: include[0]: there is no file "no.env" in the '
         "repository"),
        ("[{path: [inc/a.yaml, inc/no.yaml]}]", 'compose.yaml:1:31: include[0]: there is no file "inc/no.yaml" in the '
         "repository"),
        ("[{path: inc/a.yaml, project_directory: ../x}]", 'compose.yaml:1:49: include[0]: "../x" leads out of the '
         "repository"),
        ("[inc/a.yaml, {path: inc/a.yaml, env_file: e.env}]", "compose.yaml:1:23: include[1]: services.i is included "
         "twice, and its variables or its directory make a difference, include it once"),
        ("[{path: inc/a.yaml, env_file: bad.env}]", "bad.env:1:1: the name of a variable cannot hold a space (read for "
         "the include at compose.yaml:1:40)"),
        ("[compose.yaml]", "compose.yaml:1:11: include[0]: the files include one another: compose.yaml → compose.yaml"),
        ("[loop/a.yaml]", "loop/b.yaml:1:11: include[0]: the files include one another: loop/a.yaml → loop/b.yaml → "
         "loop/a.yaml (included by loop/a.yaml:1:11, included by compose.yaml:1:11)"),
        ("[bad.yaml]", "bad.yaml:1:23: services.b.ports: must be a list, not a number (included by compose.yaml:1:11)"),
        ("[broken.yaml]", "broken.yaml:2:1: not valid YAML: did not find expected ',' or ']' (included by "
         "compose.yaml:1:11)"),
        ("[twice.yaml]", "compose.yaml:1:11: include[0]: services.a is defined at compose.yaml:2:12 and at "
         "twice.yaml:1:12, and not in the same way, rename one of them, or change what is included in a file that is "
         "loaded after this one"),
    ],
)  # fmt: skip
def test_what_cannot_be_included(written: str, problem: str) -> None:
    files = {
        **INCLUDED,
        "bad.env": "A B=1\n",
        "loop/a.yaml": "include: [b.yaml]",
        "loop/b.yaml": "include: [a.yaml]",
        "bad.yaml": "services: {b: {ports: 5, image: x}}",
        "broken.yaml": "a: [1\n",
        "twice.yaml": "services: {a: {image: y}}",
    }
    assert problems(f"include: {written}\nservices: {{a: {{image: x}}}}", files) == [problem]


@pytest.mark.parametrize(
    "path",
    ["https://h/r.git", "http://h/c.yaml", "git://h/r", "ssh://git@h/r", "git@github.com:o/r.git", "oci://docker.io/o/r",
     "github.com/o/r", "HTTPS://h/r.git", "https://h/r.git#main:../../x"],
)  # fmt: skip
def test_nothing_remote_is_included(path: str) -> None:
    for text in (f"include: ['{path}']", f"services: {{a: {{extends: {{file: '{path}', service: s}}}}}}"):
        with pytest.raises(BadManifest, match="lies elsewhere") as caught:
            project(text)
        assert caught.value.reason == "RemoteIncludeDenied"


@pytest.mark.parametrize("text", ["include: [link.yaml]", "services: {a: {extends: {file: link.yaml, service: s}}}"])
def test_no_link_is_followed(text: str) -> None:
    with pytest.raises(BadManifest, match="is a symlink") as caught:
        load(DictTree({"compose.yaml": text}, links=("link.yaml",)), LoadOptions(project_name="p"))
    assert caught.value.reason == "SymlinkRefused"


def test_files_that_multiply_are_bounded() -> None:
    files = {f"{n}.yaml": f"include: [{n + 1}.yaml, {n + 1}.yaml]" for n in range(20)} | {"20.yaml": "services: {}"}
    (problem,) = problems("include: [0.yaml]", files)
    assert "more than 1000 times" in problem


def test_files_that_nest_are_bounded() -> None:
    files = {f"{n}.yaml": f"include: [{n + 1}.yaml]" for n in range(40)} | {"40.yaml": "services: {}"}
    (problem,) = problems("include: [0.yaml]", files)
    assert "more than 32 levels deep" in problem
