"""`build` and `pull_policy`: every notation in its long form, what is wrong, and what the builder is told."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from agent.compose import LoadOptions, load, render
from agent.compose import images as module
from agent.compose.calls import engine_calls
from agent.compose.ignore import is_ignored, read_patterns
from agent.compose.resources import resources
from agent.errors import BadManifest
from agent.model import Resource
from tests.compose.tree import TARGET, DictTree, problems, project, wanted

BUILT = replace(TARGET, allow_build=True, key=b"key")
CONTEXT = {"app/Dockerfile": "FROM x", "app/main.py": "1"}


def built(text: str, **options: Any) -> dict[str, Any]:
    """`build` of the service `a` as it is printed; the project lies in /p."""
    printed = render(project(f"services: {{a: {{build: {text}}}}}", **options), "/p")
    found: dict[str, Any] = printed["services"]["a"]["build"]
    return found


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (".", {}),
        ("app", {"context": "/p/app"}),
        ("{}", {}),
        ("{context: ../x}", {"context": "/x"}),
        ("{context: ~/x}", {"context": "/home/me/x"}),
        ("{context: 'https://github.com/x/y.git#main:sub'}", {"context": "https://github.com/x/y.git#main:sub"}),
        ("{context: 'git@github.com:x/y'}", {"context": "git@github.com:x/y"}),
        ("{dockerfile: ../D}", {"dockerfile": "../D"}),
        ("{dockerfile_inline: FROM x}", {"dockerfile": None, "dockerfile_inline": "FROM x"}),
        ("{args: {A: 1, SET: , UNSET: }}", {"args": {"A": "1", "SET": "v"}}),
        ("{args: [A=1, SET, UNSET]}", {"args": {"A": "1", "SET": "v"}}),
        ("{ssh: [default]}", {"ssh": ["default"]}),
        ("{ssh: {default: , k: key.pem}}", {"ssh": ["default", "k=/p/key.pem"]}),
        ("{ssh: [k=~/key]}", {"ssh": ["k=/home/me/key"]}),
        ("{additional_contexts: {b: ./b, i: 'docker-image://x', s: 'oci-layout://y'}}",
         {"additional_contexts": {"b": "/p/b", "i": "docker-image://x", "s": "oci-layout://y"}}),
        ("{additional_contexts: [b=../b]}", {"additional_contexts": {"b": "/b"}}),
        ("{provenance: mode=max, sbom: true}", {"provenance": "mode=max", "sbom": "true"}),
        ("{labels: [l=1], cache_from: [a, a], cache_to: [type=local]}",
         {"labels": {"l": "1"}, "cache_from": ["a", "a"], "cache_to": ["type=local"]}),
        ("{no_cache: true, pull: 'yes', privileged: false}", {"no_cache": True, "pull": True}),
        ("{no_cache_filter: x}", {"no_cache_filter": ["x"]}),
        ("{shm_size: 2gb, ulimits: {nproc: 5}}", {"shm_size": "2147483648", "ulimits": {"nproc": 5}}),
        ("{tags: ['t:1', 't:1'], platforms: [linux/amd64], entitlements: [network.host]}",
         {"tags": ["t:1"], "platforms": ["linux/amd64"], "entitlements": ["network.host"]}),
        ("{extra_hosts: ['h:1.2.3.4'], network: host, target: t, isolation: default}",
         {"extra_hosts": ["h=1.2.3.4"], "network": "host", "target": "t", "isolation": "default"}),
    ],
)  # fmt: skip
def test_a_build_is_printed_whole(text: str, more: dict[str, Any]) -> None:
    expected = {"context": "/p", "dockerfile": "Dockerfile"} | more
    found = built(text, environment={"SET": "v", "HOME": "/home/me"})
    assert found == {key: value for key, value in expected.items() if value is not None}


def test_the_build_of_two_files_is_one() -> None:
    tree = DictTree({
        "compose.yaml": "services: {a: {build: {context: app, args: [A=1, B=1], tags: [t], ssh: [default]}}}",
        "compose.override.yaml": "services: {a: {build: {args: {B: 2}, tags: [u], ssh: {k: /k}, target: dev}}}",
    })  # fmt: skip
    found = render(load(tree, LoadOptions(default_name="web")), "/p")["services"]["a"]["build"]
    assert found == {
        "context": "/p/app",
        "dockerfile": "Dockerfile",
        "args": {"A": "1", "B": "2"},
        "ssh": ["default", "k=/k"],
        "tags": ["t", "u"],
        "target": "dev",
    }


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("build: {contxt: .}", '3:13: services.a.build: unknown key "contxt", did you mean "context"?'),
        ("build:", "3:11: services.a.build: has no value: it must be a string or a mapping"),
        ("build: {args: 5}", "3:19: services.a.build.args: must be a mapping or a list, not a number"),
        ("build: {ssh: [key]}", '3:19: services.a.build.ssh.key: "key" has no path, write key=PATH, or default'),
        ("build: {additional_contexts: [x]}", "3:35: services.a.build.additional_contexts.x: names no context, "
         "write x=CONTEXT"),
        ("build: {additional_contexts: {x: 'service:y'}}", "3:38: services.a.build.additional_contexts.x: there is no "
         'service "y"'),
        ("build: {additional_contexts: {x: 'service:b'}}\n  b: {image: x}", "3:38: "
         'services.a.build.additional_contexts.x: the service "b" is not built, so it is no context'),
        ("build: {dockerfile: D, dockerfile_inline: FROM x}", "3:47: services.a.build.dockerfile_inline: dockerfile "
         "and dockerfile_inline exclude each other"),
        ("build: {secrets: [s]}", '3:23: services.a.build.secrets[0]: the secret "s" is not defined, define it under '
         '"secrets:"'),
        ("build: {shm_size: 1.5}", "3:23: services.a.build.shm_size: must be a whole number or a size, not a number"),
        ("build: {platforms: [linux/arm64]}\n    platform: linux/amd64", "3:24: services.a.build.platforms: leaves out "
         '"linux/amd64", the platform of the service'),
        ("image: x\n    pull_policy: weekl", '4:18: services.a.pull_policy: "weekl" is not one of always, never, '
         "missing, if_not_present, build, refresh, daily, weekly or every_ with a duration such as every_12h, did you "
         'mean "weekly"?'),
        ("image: x\n    pull_policy: every_5x", '4:18: services.a.pull_policy: "every_5x" is not one of always, never, '
         "missing, if_not_present, build, refresh, daily, weekly or every_ with a duration such as every_12h"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_build(keys: str, problem: str) -> None:
    assert problems(f"services:\n  a:\n    {keys}\n") == [f"compose.yaml:{problem}"]


def test_what_is_built_is_called_after_the_stack_and_the_service() -> None:
    (call,) = [one for one in engine_calls(project("services: {a: {build: .}}"), "/p") if "platform" in one]
    assert call["body"]["Image"] == "web-a"
    assert "image" not in render(project("services: {a: {build: .}}"), "/p")["services"]["a"]


# --- what is wanted of the host ---------------------------------------------------------------------------------


def images(text: str, files: Mapping[str, str | bytes], target: Any = BUILT) -> dict[str, Resource]:
    tree = DictTree({"compose.yaml": textwrap.dedent(text), **files})
    found = resources(load(tree, LoadOptions(project_name="web")), tree, target)
    return {one.key.name: one for one in found if one.key.kind == "image"}


def build_of(text: str, files: Mapping[str, str | bytes] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = images(f"services: {{a: {{build: {text}}}}}", files or CONTEXT)["web-a"].spec["build"]
    return found


def test_a_build_is_refused_unless_the_operator_allows_it() -> None:
    with pytest.raises(BadManifest) as caught:
        wanted("services: {a: {build: app}}", CONTEXT)
    assert [str(one) for one in caught.value.problems] == [
        "compose.yaml:1:23: services.a.build: images are not built on this host unless its operator allows it, build "
        "it elsewhere, push it to a registry and say only image"
    ]


def test_the_builder_is_told_what_is_in_the_commit() -> None:
    keys = (
        "args: {A: 1}, target: t, labels: {l: 1}, extra_hosts: ['h:::1'], cache_from: [c], tags: ['more:1'], pull: true"
    )
    found = build_of(f"{{context: app, {keys}, shm_size: 1k, network: host}}")
    assert found["paths"] == {"Dockerfile": "app/Dockerfile", "main.py": "app/main.py"}
    assert (found["content"], found["tags"]) == ({}, ["more:1"])
    assert found["tree"].read("app/main.py") == b"1"
    assert found["query"] == {
        "dockerfile": "Dockerfile",
        "buildargs": {"A": "1"},
        "target": "t",
        "labels": {"l": "1"},
        "extrahosts": ["h:::1"],
        "cachefrom": ["c"],
        "pull": True,
        "shmsize": 1024,
        "networkmode": "host",
    }


def test_a_dockerfile_may_lie_elsewhere() -> None:
    files = {"app/x": "", "D": "FROM y"}
    found = build_of("{context: app, dockerfile: ../D}", files)
    assert (found["query"]["dockerfile"], found["paths"][".windlass.Dockerfile"]) == (".windlass.Dockerfile", "D")
    inline = build_of("{context: app, dockerfile_inline: FROM z}", files)
    assert inline["content"] == {inline["query"]["dockerfile"]: b"FROM z"}
    assert inline["paths"] == {"x": "app/x"}


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("{context: app}", {"app/main.py": "2"}),
        ("{context: app}", {"app/Dockerfile": "FROM y"}),
        ("{context: app}", {"app/new": ""}),
        ("{context: app, args: {A: 1}}", {}),
        ("{context: app, target: t}", {}),
    ],
)
def test_what_changes_the_image_changes_the_digest(text: str, files: dict[str, str]) -> None:
    assert build_of(text, CONTEXT | files)["digest"] != build_of("app")["digest"]


def test_what_the_context_leaves_out_changes_nothing() -> None:
    ignoring = CONTEXT | {"app/.dockerignore": "*.md\n", "README.md": "x"}
    assert build_of("app", ignoring | {"app/README.md": "y"})["digest"] == build_of("app", ignoring)["digest"]
    assert "README.md" not in build_of("app", ignoring | {"app/README.md": "y"})["paths"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{context: no}", '1:23: services.a.build: there is no directory "no" in the repository'),
        ("{context: ../..}", "1:23: services.a.build: leads out of the repository"),
        ("{context: app, dockerfile: D}", '1:50: services.a.build.dockerfile: there is no file "app/D" in the '
         "repository"),
        ("'https://x/y.git'", "1:23: services.a.build.context: only what is in the commit is built, name a directory "
         "of the repository"),
        ("{context: app, ssh: [default]}", "1:43: services.a.build.ssh: is not supported where Windlass builds the "
         "image, build it elsewhere"),
        ("{context: app, platforms: [linux/a, linux/b]}", "1:49: services.a.build.platforms: an image is built for one "
         "platform, the host's, name one"),
    ],
)  # fmt: skip
def test_what_cannot_be_built(text: str, problem: str) -> None:
    with pytest.raises(BadManifest) as caught:
        build_of(text)
    assert [str(one) for one in caught.value.problems] == [f"compose.yaml:{problem}"]


@pytest.mark.parametrize(
    ("limit", "most"),
    [("MOST_FILES", 1), ("MOST_BYTES", 6), ("MOST_IN_ALL", 6)],
    ids=["files", "bytes", "bytes in all"],
)
def test_a_context_is_no_larger_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch, limit: str, most: int) -> None:
    monkeypatch.setattr(module, limit, most)
    with pytest.raises(BadManifest) as caught:
        build_of("{context: app}")
    (problem,) = caught.value.problems
    assert problem.message.startswith("the context has more than ")
    assert problem.hint == "use .dockerignore"


def test_a_directory_that_several_images_are_built_from_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_IN_ALL", 7)
    text = "services: {a: {build: app}, b: {build: {context: app, target: t}}}"
    tree = DictTree({"compose.yaml": text, **CONTEXT})
    found = resources(load(tree, LoadOptions(default_name="web")), tree, BUILT)
    assert sum("build" in one.spec for one in found if one.key.kind == "image") == 2


@pytest.mark.parametrize(
    ("keys", "pull"),
    [
        ("", None),
        ("pull_policy: missing", None),
        ("pull_policy: if_not_present", None),
        ("pull_policy: always", {"policy": "always"}),
        ("pull_policy: never", {"policy": "never"}),
        ("pull_policy: build", {"policy": "never"}),
        ("pull_policy: daily", {"policy": "refresh", "after": 86400}),
        ("pull_policy: weekly", {"policy": "refresh", "after": 604800}),
        ("pull_policy: every_1d12h", {"policy": "refresh", "after": 129600}),
        ("pull_policy: refresh, pull_refresh_after: 2h", {"policy": "refresh", "after": 7200}),
        ("pull_policy: refresh", None),
    ],
)
def test_when_an_image_is_pulled(keys: str, pull: dict[str, Any] | None) -> None:
    spec = images(f"services: {{a: {{image: x, {keys}}}}}", {})["x"].spec
    if pull == {"policy": "always"}:
        pull = {**pull, "content": spec["pull"]["content"]}
    assert spec == {"reference": "x", "platform": ""} | ({"pull": pull} if pull else {})


@pytest.mark.parametrize(
    ("change", "files", "same"),
    [
        ("", {}, True),
        ("labels: {x: '1'}", {}, False),
        ("volumes: ['./f:/f:ro']", {"f": "1"}, False),
        ("x-note: y", {"README": "1"}, True),
    ],
)
def test_what_is_always_pulled_knows_the_content_that_it_is_for(change: str, files: dict[str, str], same: bool) -> None:
    def content(keys: str) -> str:
        text = f"services: {{a: {{image: x, pull_policy: always}}, b: {{image: y, {keys}}}}}"
        found: str = images(text, files)["x"].spec["pull"]["content"]
        return found

    assert (content(change) == content("")) is same


def test_of_two_policies_for_one_image_the_one_that_pulls_oftener_counts() -> None:
    services = [f"{one}: {{image: x, pull_policy: {one}}}" for one in ("never", "weekly", "daily")]
    assert images(f"services: {{{', '.join(services)}}}", {})["x"].spec["pull"] == {"policy": "refresh", "after": 86400}


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("pull_policy: nevermore", 'services.a.pull_policy: "nevermore" is no pull policy'),
        ("pull_policy: every_1h1x", 'services.a.pull_policy: "every_1h1x" is no pull policy'),
        ("pull_refresh_after: soon", 'services.a.pull_refresh_after: "soon" is no duration'),
    ],
)
def test_a_policy_that_compose_only_loads_is_not_run(keys: str, problem: str) -> None:
    with pytest.raises(BadManifest, match=problem):
        wanted(f"services: {{a: {{image: x, {keys}}}}}")


def test_an_image_that_is_mounted_is_prepared_too() -> None:
    found = wanted("services: {a: {image: x, volumes: [{type: image, source: y, target: /y, image: {subpath: b}}]}}")
    assert {"image/x", "image/y"} <= set(found)
    assert "image/y" in [str(one.key) for one in found["container/web-a-1"].requires]
    assert found["container/web-a-1"].spec["body"]["HostConfig"]["Mounts"] == [
        {"Type": "image", "Source": "y", "Target": "/y", "ImageOptions": {"Subpath": "b"}}
    ]


# --- .dockerignore ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patterns", "ignored", "kept"),
    [
        ("*.md", ["a.md"], ["d/a.md", "a.txt"]),
        ("**/*.md", ["a.md", "d/e/a.md"], ["a.txt"]),
        ("d", ["d", "d/e/f"], ["dd", "e/d"]),
        ("d/\n!d/keep", ["d/x"], ["d/keep"]),
        ("*\n!src\nsrc/**/no", ["x", "src/a/no", "src/no"], ["src/a", "src/a/b"]),
        ("# d\n\n/d/*", ["d/x"], ["d", "# d"]),
        ("a?[0-9]", ["ab1"], ["a1", "ab"]),
        ("a[^b]", ["ac"], ["ab"]),
        ("**", ["a", "a/b"], []),
        ("./x/../y", ["y"], ["x"]),
    ],
)
def test_what_a_context_leaves_out(patterns: str, ignored: list[str], kept: list[str]) -> None:
    read = read_patterns(patterns)
    assert [path for path in ignored if not is_ignored(path, read)] == []
    assert [path for path in kept if is_ignored(path, read)] == []


def test_no_pattern_takes_long() -> None:
    read = read_patterns("/".join(["**", "*a*b*z*"] * 200) + "\n" + "*a" * 2000)
    assert not is_ignored("/".join(["abc" * 20] * 300) + "/x", read)
