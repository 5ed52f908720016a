"""Secrets and configs: how they are written, what is wrong with them, and how a container gets them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import pytest

from agent.compose import LoadOptions, load, render
from agent.compose.calls import engine_calls
from agent.compose.resources import resources
from agent.digests import file_digest
from agent.errors import BadManifest
from agent.model import Resource
from tests.compose.tree import TARGET, DictTree, problems, project, wanted

KEYED = replace(TARGET, secrets="/run/w", key=b"key")
CONTENT = "configs: {c: {content: hello}}"


def printed(text: str, **options: Any) -> dict[str, Any]:
    """The model as it is printed, of a service that uses `s`, or `c`, of the section that `text` defines."""
    key = "configs: [c]" if text.startswith("configs") else "secrets: [s]"
    return render(project(f"services: {{a: {{image: x, {key}}}}}\n{text}", **options), "/p")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("secrets: {s: {file: ./s}}", {"name": "web_s", "file": "/p/s"}),
        ("secrets: {s: {file: ../s, name: own}}", {"name": "own", "file": "/s"}),
        ("secrets: {s: {file: ~/s}}", {"name": "web_s", "file": "/home/me/s"}),
        ("secrets: {s: {file: /etc/s, labels: [a=b]}}", {"name": "web_s", "file": "/etc/s", "labels": {"a": "b"}}),
        ("secrets: {s: {environment: V}}", {"name": "web_s", "environment": "V"}),
        ("secrets: {s: {external: true}}", {"name": "s", "external": True}),
        ("secrets: {s: {external: true, name: real}}", {"name": "real", "external": True}),
        ("secrets: {s: {external: {name: real}}}", {"name": "real", "external": True}),
        ("secrets: {s: {file: s, driver: d, driver_opts: {o: 1}, template_driver: t}}",
         {"name": "web_s", "file": "/p/s", "driver": "d", "driver_opts": {"o": "1"}, "template_driver": "t"}),
        ("configs: {c: {content: '${V} $$x'}}", {"name": "web_c", "content": "v $$x"}),
        ("configs: {c: {content: ''}}", {"name": "web_c"}),
        ("configs: {c: {environment: V}}", {"name": "web_c", "environment": "V"}),
        ("configs: {c: {file: c, template_driver: golang}}",
         {"name": "web_c", "file": "/p/c", "template_driver": "golang"}),
    ],
)  # fmt: skip
def test_what_the_top_level_defines(text: str, expected: dict[str, Any]) -> None:
    section, name = ("configs", "c") if text.startswith("configs") else ("secrets", "s")
    found = printed(text, environment={"V": "v", "HOME": "/home/me"})
    assert found[section] == {name: expected}


def used(references: str, section: str = "secrets", override: str = "") -> list[dict[str, Any]]:
    defined = f"{section}: {{s: {{file: s}}, t: {{file: t}}}}"
    files = {"compose.yaml": f"services: {{a: {{image: x, {section}: {references}}}}}\n{defined}"}
    if override:
        files["compose.override.yaml"] = f"services: {{a: {{{section}: {override}}}}}"
    tree = DictTree(files)
    found: list[dict[str, Any]] = render(load(tree, LoadOptions(default_name="web")), "/p")["services"]["a"][section]
    return found


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        ("[s]", [{"source": "s", "target": "/run/secrets/s"}]),
        ("[{source: s, target: t}]", [{"source": "s", "target": "t"}]),
        ("[{source: s, mode: 0440}]", [{"source": "s", "target": "/run/secrets/s", "mode": "0440"}]),
        ("[{source: s, mode: '0440'}]", [{"source": "s", "target": "/run/secrets/s", "mode": "0440"}]),
        ("[{source: s, mode: 0o400}]", [{"source": "s", "target": "/run/secrets/s", "mode": "0400"}]),
        ("[{source: s, mode: 440}]", [{"source": "s", "target": "/run/secrets/s", "mode": "0670"}]),
        ("[{source: s, mode: 0}]", [{"source": "s", "target": "/run/secrets/s", "mode": "00"}]),
        ("[{source: s, uid: '1', gid: '2'}]", [{"source": "s", "target": "/run/secrets/s", "uid": "1", "gid": "2"}]),
        # what lands at the same place is there once, the last of it; another spelling of a place is another place
        ("[{source: t, target: /x}, {source: s, target: /x}]", [{"source": "s", "target": "/x"}]),
        ("[s, {source: t, target: /run/secrets/s}]", [{"source": "t", "target": "/run/secrets/s"}]),
        ("[s, {source: s, target: s}]",
         [{"source": "s", "target": "/run/secrets/s"}, {"source": "s", "target": "s"}]),
    ],
)  # fmt: skip
def test_how_a_service_refers_to_secrets(references: str, expected: list[dict[str, Any]]) -> None:
    assert used(references) == expected


def test_a_config_has_no_target_of_its_own() -> None:
    assert used("[s, {source: t, target: rel}]", "configs") == [{"source": "s"}, {"source": "t", "target": "rel"}]
    assert used("[s, {source: t, target: /s}]", "configs") == [{"source": "t", "target": "/s"}]


def test_the_references_of_two_files_are_one_list() -> None:
    assert used("[s]", override="[{source: s, mode: 0400}, t]") == [
        {"source": "s", "target": "/run/secrets/s", "mode": "0400"},
        {"source": "t", "target": "/run/secrets/t"},
    ]


def test_what_nobody_uses_is_left_out() -> None:
    text = "services: {a: {image: x}}\nsecrets: {s: {file: s}}\nconfigs: {c: {file: c}}"
    assert not {"secrets", "configs"} & set(render(project(text), "/p"))
    built = "services: {a: {build: {secrets: [s]}}}\nsecrets: {s: {file: s}}"
    assert set(render(project(built), "/p")["secrets"]) == {"s"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("secrets: {s: }", "secrets.s: has no value: it must be a mapping"),
        ("secrets: {s: {}}", "secrets.s: needs one of the keys file, environment"),
        ("secrets: {s: {driver: d}}", "secrets.s: needs one of the keys file, environment"),
        ("secrets: {s: {content: x}}", 'secrets.s: unknown key "content"'),
        ("secrets: {s: {file: a, environment: B}}", "secrets.s.environment: file and environment exclude each other"),
        ("secrets: {s: {file: a, external: maybe}}", 'secrets.s.external: "maybe" is not a boolean'),
        ("secrets: {s: {external: {name: a}, name: b}}", "secrets.s.external: the name here differs from the one "
         "beside it"),
        ("configs: {c: {}}", "configs.c: needs one of the keys file, environment, content"),
        ("configs: {c: {content: 5}}", "configs.c.content: must be a string, not a number"),
        ("configs: {c: {content: a, file: b}}", "configs.c.content: file and content exclude each other"),
        ("configs: {c: {file: a, driver: d}}", 'configs.c: unknown key "driver"'),
    ],
)  # fmt: skip
def test_what_is_wrong_at_the_top_level(text: str, problem: str) -> None:
    found = problems(f"services: {{a: {{image: x}}}}\n{text}")
    assert [one for one in found if one.partition(": ")[2].startswith(problem)] == found


@pytest.mark.parametrize(
    ("references", "problem"),
    [
        ("s", "1:35: services.a.secrets: must be a list, not a string"),
        ("[5]", "1:36: services.a.secrets[0]: must be a string or a mapping, not a number"),
        ("[no]", '1:36: services.a.secrets[0]: the secret "no" is not defined, did you mean "now"?'),
        ("[{target: x}]", '1:36: services.a.secrets[0]: needs the key "source"'),
        ("[{source: now, uid: 5}]", "1:55: services.a.secrets[0].uid: must be a string, not a number, put it in "
         "quotes"),
        ("[{source: now, mode: 4.5}]", "1:56: services.a.secrets[0].mode: must be a whole number or a string, not a "
         "number"),
        ("[{source: now, mode: '0990'}]", '1:56: services.a.secrets[0].mode: "0990" is no mode, write octal digits '
         'such as "0440"'),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_service(references: str, problem: str) -> None:
    text = f"services: {{a: {{image: x, secrets: {references}}}}}\nsecrets: {{now: {{file: s}}}}"
    assert problems(text) == [f"compose.yaml:{problem}"]


def test_compose_is_warned_that_a_file_keeps_its_owner() -> None:
    loaded = project("services: {a: {image: x, configs: [{source: c, uid: '5', mode: 0400}]}}\nconfigs: {c: {file: c}}")
    assert [str(one) for one in loaded.warnings] == [
        "compose.yaml:1:36: services.a.configs[0]: without effect here: uid, mode, a file keeps its own owner and mode"
    ]


# --- the calls --------------------------------------------------------------------------------------------------


def test_files_are_mounted_as_compose_mounts_them() -> None:
    text = """\
        services:
          a:
            image: x
            configs: [c, {source: c, target: rel}, {source: i, target: /i}]
            secrets: [s, {source: s, target: rel}, {source: s, target: /abs}, v]
        configs: {c: {file: c.txt}, i: {content: inline}}
        secrets: {s: {file: /etc/s}, v: {environment: V}}
    """
    (call,) = [one for one in engine_calls(project(text), "/p") if "platform" in one]
    assert [tuple(mount.values()) for mount in call["body"]["HostConfig"]["Mounts"]] == [
        ("bind", "/p/c.txt", "/c", True),
        ("bind", "/p/c.txt", "/rel", True),
        ("bind", "/etc/s", "/run/secrets/s", True, {}),
        ("bind", "/etc/s", "/run/secrets/rel", True, {}),
        ("bind", "/etc/s", "/abs", True, {}),
    ]


def test_what_lands_at_one_place_is_mounted_once() -> None:
    text = """\
        services:
          a:
            image: x
            volumes: [./v:/v]
            configs: [{source: c, target: /v}, {source: c, target: /run/secrets/s}, {source: c, target: /d/}, c]
            secrets: [t, {source: s, target: t}, s, {source: s, target: /v}]
        configs: {c: {file: /c}}
        secrets: {s: {file: /s}, t: {file: /t}}
    """
    (call,) = [one for one in engine_calls(project(text), "/p") if "platform" in one]
    assert [(mount["Source"], mount["Target"]) for mount in call["body"]["HostConfig"]["Mounts"]] == [
        ("/c", "/d/"),
        ("/c", "/c"),
        ("/s", "/run/secrets/t"),
        ("/s", "/run/secrets/s"),
    ]


# --- what is wanted of the host ---------------------------------------------------------------------------------


def held(text: str, files: Mapping[str, str | bytes] | None = None, **variables: str) -> dict[str, Resource]:
    tree = DictTree({"compose.yaml": text, **(files or {})})
    loaded = load(tree, LoadOptions(project_name="web", environment=variables))
    return {str(one.key): one for one in resources(loaded, tree, KEYED)}


def only_file(text: str, files: Mapping[str, str | bytes] | None = None, **variables: str) -> tuple[str, Resource]:
    """Where the single mount of the container comes from, and the file resource that is there."""
    found = held(text, files, **variables)
    (mount,) = found["container/web-a-1"].spec["body"]["HostConfig"]["Mounts"]
    assert (mount["Type"], mount["ReadOnly"]) == ("bind", True)
    resource = found[f"file/{mount['Source']}"]
    assert resource.prepares
    assert resource.key in [one.key for one in found["container/web-a-1"].requires]
    return mount["Source"], resource


CONFIG = "services: {a: {image: x, configs: [%s]}}\nconfigs: {c: {%s}}"
SECRET = "services: {a: {image: x, secrets: [%s]}}\nsecrets: {s: {%s}}"


def test_the_content_of_a_config_is_a_file_that_everybody_may_read() -> None:
    path, resource = only_file(CONFIG % ("c", "content: hello"))
    assert PurePosixPath(path).parent.parent == PurePosixPath(TARGET.files) / "web"
    assert PurePosixPath(path).name == "c"
    assert resource.spec == {"content": {"": (0o444, b"hello")}, "uid": None, "gid": None, "secret": False}


def test_what_compose_copies_into_a_container_is_known_by_a_digest() -> None:
    text = """\
        services: {a: {image: x, configs: [c, {source: c, target: /d/, mode: 0400, uid: '5'}], secrets: [s, f]}}
        configs: {c: {content: hello}}
        secrets: {s: {environment: V}, f: {file: /etc/f}}
    """
    a = held(textwrap.dedent(text), V="hunter2")["container/web-a-1"].spec
    assert a["injectable"] == {
        "/c": file_digest(b"key", 0o444, 0, 0, b"hello"),
        "/d": file_digest(b"key", 0o400, 5, 0, b"hello"),
        "/run/secrets/s": file_digest(b"key", 0o444, 0, 0, b"hunter2"),
    }
    assert "injectable" not in held(SECRET % ("s", "file: /etc/s"))["container/web-a-1"].spec


def test_a_secret_lies_in_memory() -> None:
    path, resource = only_file(SECRET % ("s", "environment: V"), V="hunter2")
    assert path.startswith("/run/w/web/")
    assert resource.spec == {"content": {"": (0o444, b"hunter2")}, "uid": None, "gid": None, "secret": True}
    assert "hunter2" not in repr(resource)


def test_owner_and_mode_are_as_written() -> None:
    _, resource = only_file(SECRET % ("{source: s, uid: '103', gid: '104', mode: 0400}", "environment: V"), V="v")
    assert resource.spec == {"content": {"": (0o400, b"v")}, "uid": 103, "gid": 104, "secret": True}


@pytest.mark.parametrize(
    ("definition", "variables", "secret"),
    [
        ("environment: V", {"V": "v"}, True),
        ("content: 'x ${PORT}'", {"PORT": "80"}, False),
        ("content: 'x ${DB_PASSWORD}'", {"DB_PASSWORD": "hunter2"}, True),
    ],
)
def test_a_config_that_a_secret_went_into_is_one(definition: str, variables: dict[str, str], secret: bool) -> None:
    path, resource = only_file(CONFIG % ("c", definition), None, **variables)
    assert (resource.spec["secret"], path.startswith("/run/w/")) == (secret, secret)


def test_a_secret_of_the_commit_goes_to_memory_too() -> None:
    path, resource = only_file(SECRET % ("s", "file: ./s.txt"), {"s.txt": "hunter2"})
    assert path.startswith("/run/w/web/")
    assert resource.spec["content"] == {"": (0o444, b"hunter2")}


def test_a_config_of_the_commit_is_a_file_of_the_commit() -> None:
    path, resource = only_file(CONFIG % ("c", "file: ./c.txt"), {"c.txt": "1"})
    assert path.startswith(TARGET.files)
    assert resource.spec == {"content": {"": (0o644, b"1")}}


def test_a_file_of_the_host_is_mounted_where_it_lies() -> None:
    found = held(SECRET % ("s", "file: /etc/s"))
    (mount,) = found["container/web-a-1"].spec["body"]["HostConfig"]["Mounts"]
    assert mount["Source"] == "/etc/s"
    assert not [key for key in found if key.startswith("file/")]


@pytest.mark.parametrize(
    ("reference", "definition", "variables"),
    [
        ("c", "content: hello!", {}),
        ("{source: c, mode: 0400}", "content: hello", {}),
        ("{source: c, uid: '1'}", "content: hello", {}),
        ("{source: c, gid: '1'}", "content: hello", {}),
    ],
)
def test_what_changes_a_file_changes_its_path(reference: str, definition: str, variables: dict[str, str]) -> None:
    same, _ = only_file(CONFIG % ("{source: c, target: /elsewhere}", "content: hello"))
    assert only_file(CONFIG % ("c", "content: hello"))[0] == same
    assert only_file(CONFIG % (reference, definition), None, **variables)[0] != same


def test_nobody_guesses_a_secret_from_its_path() -> None:
    text = SECRET % ("s", "environment: V")
    tree = DictTree({"compose.yaml": text})
    loaded = load(tree, LoadOptions(project_name="web", environment={"V": "1234"}))
    keys = {replace(KEYED, key=key): "" for key in (b"one", b"other")}
    paths = {str(one.key) for target in keys for one in resources(loaded, tree, target) if one.key.kind == "file"}
    assert len(paths) == 2


@pytest.mark.parametrize(("variables", "content"), [({}, b"included"), ({"V": "ours"}, b"ours")])
def test_an_included_secret_has_the_value_of_its_own_variables(variables: dict[str, str], content: bytes) -> None:
    files = {
        "compose.override.yaml": "services: {a: {user: u}}",
        "sub/compose.yaml": SECRET % ("s", "environment: V"),
        "sub/.env": "V=included",
    }
    _, resource = only_file("include: [sub/compose.yaml]", files, **variables)
    assert resource.spec["content"] == {"": (0o444, content)}


def test_a_name_cannot_lead_elsewhere() -> None:
    path, _ = only_file("services: {a: {image: x, configs: [{source: .., target: /x}]}}\nconfigs: {..: {content: y}}")
    assert ".." not in PurePosixPath(path).parts


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SECRET % ("s", "environment: V"), "2:28: secrets.s.environment: the variable V is not set, so the secret has "
         "no content"),
        (SECRET % ("s", "external: true"), "2:25: secrets.s.external: plain Docker keeps no secrets to refer to: only "
         "Docker's Swarm mode has them, say where its content comes from: file or environment"),
        (CONFIG % ("c", "external: true"), "2:25: configs.c.external: plain Docker keeps no configs to refer to: only "
         "Docker's Swarm mode has them, say where its content comes from: file or environment or content"),
        (CONFIG % ("c", "external: false"), "2:11: configs.c: has no content: it needs one of the keys file, "
         "environment, content"),
        (CONFIG % ("c", "content: x, template_driver: golang"), "2:44: configs.c.template_driver: plain Docker has no "
         "drivers for configs: only Docker's Swarm mode has them, leave it out"),
        (CONFIG % ("{source: c, uid: root}", "content: x"), '1:53: services.a.configs[0].uid: "root" is no number, '
         "names mean nothing outside of the image"),
        (CONFIG % ("{source: c, mode: 99999}", "content: x"), "1:54: services.a.configs[0].mode: is no mode of a file, "
         'write octal digits such as "0440"'),
        (SECRET % ("s", "file: ../../s"), '2:21: secrets.s.file: "../../s" leads out of the repository'),
        (SECRET % ("s", "file: '${UNSET-}'"), "2:21: secrets.s.file: is empty, which would mount the whole directory "
         "of the stack, name a file"),
        (CONFIG % ("c", "file: ''"), "2:21: configs.c.file: is empty, which would mount the whole directory of the "
         "stack, name a file"),
    ],
)  # fmt: skip
def test_what_is_not_run(text: str, problem: str) -> None:
    with pytest.raises(BadManifest) as caught:
        wanted(text)
    assert [str(one) for one in caught.value.problems] == [f"compose.yaml:{problem}"]
