"""What the host must hold for a project: the objects, what each needs, and where its files come from."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import pytest

from agent.compose import LoadOptions, load
from agent.compose.bindings import Target
from agent.compose.resources import resources
from agent.errors import BadManifest
from agent.model import Condition, Key, Place, Requirement
from tests.compose.tree import TARGET, DictTree, project, wanted, wanted_of

DATA, FILES = TARGET.directory, TARGET.files


def test_a_stack_is_sorted_and_each_part_knows_its_place() -> None:
    text = """\
        services:
          web: {image: nginx, scale: 2, depends_on: [db]}
          db: {image: postgres, container_name: pg, volumes: [data:/d], platform: linux/arm64}
        volumes: {data: }
    """
    loaded = project(text)
    found = resources(loaded, DictTree({}), TARGET)
    assert [(str(one.key), one.service, str(one.place)) for one in found] == [
        ("container/pg", "db", "compose.yaml:3:3"),
        ("container/web-web-1", "web", "compose.yaml:2:3"),
        ("container/web-web-2", "web", "compose.yaml:2:3"),
        ("image/nginx", "", "compose.yaml:2:16"),
        ("image/postgres", "", "compose.yaml:3:15"),
        ("network/web_default", "", "compose.yaml:1:1"),
        ("volume/web_data", "", "compose.yaml:4:11"),
    ]
    assert {one.stack for one in found} == {"web"}


def test_an_image_is_prepared_once_for_all_its_users() -> None:
    found = wanted("services: {a: {image: x, platform: linux/aarch64}, b: {image: x}}")
    image = found["image/x"]
    assert (image.prepares, image.on_demand) == (True, True)
    assert image.spec == {"reference": "x", "platform": "linux/arm64"}


def test_what_a_container_needs() -> None:
    text = """\
        services:
          a:
            image: x
            networks: [n]
            volumes: [data:/d, ./conf:/c:ro, /abs:/abs]
            depends_on:
              b: {condition: service_healthy}
              c: {condition: service_completed_successfully, required: false}
              off: {condition: service_started, required: false}
          b: {image: y, scale: 2}
          c: {image: y}
          off: {image: y, profiles: [p]}
        networks: {n: {external: true, name: shared}}
        volumes: {data: }
    """
    found = wanted(text, {"conf/x": "1"})
    (file,) = [key for key in found if key.startswith("file/")]
    assert found["container/web-a-1"].requires == (
        Requirement(Key("file", file.removeprefix("file/")), restart=True),
        Requirement(Key("image", "x")),
        Requirement(Key("network", "shared")),
        Requirement(Key("volume", "web_data")),
        Requirement(Key("container", "web-b-1"), Condition.HEALTHY),
        Requirement(Key("container", "web-b-2"), Condition.HEALTHY),
        Requirement(Key("container", "web-c-1"), Condition.COMPLETED, optional=True),
    )
    assert (found["network/shared"].external, found["network/shared"].spec) == (True, {})
    assert found["container/web-c-1"].spec["state"] == "completed"
    assert found["container/web-b-1"].spec["state"] == "running"


def test_an_explicit_no_makes_a_job() -> None:
    found = wanted('services: {a: {image: x, restart: "no"}, b: {image: x}}')
    assert found["container/web-a-1"].spec["job"] is True
    assert "job" not in found["container/web-b-1"].spec


@pytest.mark.parametrize(
    ("more", "is_job"),
    [
        ("", True),
        ("healthcheck: {disable: true}", True),
        ("healthcheck: {test: [NONE]}", True),
        ("healthcheck: {interval: 5s}", True),
        ("healthcheck: {test: [CMD, 'true']}", False),
        ("ports: ['80']", False),
        ("expose: ['80']", False),
    ],
)
def test_what_serves_others_is_no_job(more: str, is_job: bool) -> None:
    found = wanted(f'services: {{a: {{image: x, restart: "no", {more}}}}}')
    assert found["container/web-a-1"].spec.get("job", False) is is_job


def test_what_others_wait_for_to_end_is_one_whatever_it_has() -> None:
    waits = "b: {image: x, depends_on: {a: {condition: service_completed_successfully}}}"
    found = wanted(f'services: {{a: {{image: x, restart: "no", ports: ["80"]}}, {waits}}}')
    assert found["container/web-a-1"].spec["state"] == "completed"


MOUNT = "services: {a: {image: x, volumes: ['%s']}}"


def bound(text: str, files: Mapping[str, str | bytes] | None = None) -> tuple[list[str], dict[str, object]]:
    """The binds of the container, and the specs of the file resources by their path."""
    found = wanted(text, files)
    binds: list[str] = found["container/web-a-1"].spec["body"]["HostConfig"]["Binds"]
    return binds, {one.key.name: dict(one.spec) for one in found.values() if one.key.kind == "file"}


def test_a_file_of_the_commit_that_is_mounted_read_only_lies_by_its_digest() -> None:
    binds, files = bound(MOUNT % "./nginx.conf:/etc/nginx.conf:ro", {"nginx.conf": "a"})
    ((path, spec),) = files.items()
    assert path.startswith(f"{FILES}/")
    assert path.endswith("/nginx.conf")
    assert len(path.split("/")[-2]) == 16
    assert spec == {"content": {"": (0o644, b"a")}}
    assert binds == [f"{path}:/etc/nginx.conf:ro"]


def test_a_directory_of_the_commit_brings_all_that_is_under_it() -> None:
    tree = DictTree(
        {"compose.yaml": MOUNT % "./conf:/c:ro", "conf/a": "1", "conf/sub/b": "2", "confx": "3"},
        executable=("conf/sub/b",),
    )
    (file,) = [one for one in wanted_of(tree).values() if one.key.kind == "file"]
    assert file.spec == {"content": {"a": (0o644, b"1"), "sub/b": (0o755, b"2")}}
    assert file.prepares


@pytest.mark.parametrize(
    "files",
    [{"conf/a": "2"}, {"conf/b": "1"}, {"conf/a": "1", "conf/b": ""}, {"conf/a": b"1\0"}],
    ids=["content", "name", "another file", "bytes"],
)
def test_another_content_is_another_path(files: dict[str, str | bytes]) -> None:
    before, _ = bound(MOUNT % "./conf:/c:ro", {"conf/a": "1"})
    after, _ = bound(MOUNT % "./conf:/c:ro", files)
    assert before != after


def test_another_mode_is_another_path() -> None:
    files = {"compose.yaml": MOUNT % "./run:/run:ro", "run": "1"}
    plain, executable = (set(wanted_of(DictTree(files, executable=bits))) for bits in ((), ("run",)))
    assert plain != executable


def test_the_rest_of_the_commit_does_not_move_the_path() -> None:
    assert bound(MOUNT % "./conf:/c:ro", {"conf/a": "1"}) == bound(
        MOUNT % "./conf:/c:ro", {"conf/a": "1", "other": "2"}
    )


@pytest.mark.parametrize("options", ["", ":ro"])
def test_a_path_that_the_commit_does_not_have_is_data(options: str) -> None:
    binds, files = bound(MOUNT % f"./data:/d{options}")
    assert files == {f"{DATA}/data": {"directory": True}}
    assert binds == [f"{DATA}/data:/d{options or ':rw'}"]


def test_a_file_that_may_be_written_is_seeded_at_its_stable_path() -> None:
    binds, files = bound(MOUNT % "./data:/d", {"data/a": "1"})
    assert files == {f"{DATA}/data": {"content": {"a": (0o644, b"1")}, "seed": True}}
    assert binds == [f"{DATA}/data:/d:rw"]


@pytest.mark.parametrize("written", ["./pub", ".", "./pub/sub"])
def test_what_one_service_writes_is_data_to_the_others(written: str) -> None:
    text = f"services:\n  a: {{image: x, volumes: ['./pub:/p:ro']}}\n  b: {{image: x, volumes: ['{written}:/p']}}\n"
    binds, _ = bound(text, {"pub/sub/a": "1"})
    assert binds == [f"{DATA}/pub:/p:ro"]


def test_an_absolute_path_stays() -> None:
    assert bound(MOUNT % "/srv/x/:/d") == (["/srv/x/:/d:rw"], {})


def test_a_directory_is_not_made_where_that_is_not_wanted() -> None:
    mount = "{type: bind, source: ./d, target: /d, bind: {create_host_path: false}}"
    found = wanted(f"services: {{a: {{image: x, volumes: [{mount}]}}}}")
    assert not [key for key in found if key.startswith("file/")]


def test_files_of_a_directory_above_the_stack_may_be_read_but_are_no_data() -> None:
    files = {"stacks/web/compose.yaml": MOUNT % "../../shared/c:/c:ro", "shared/c": "1"}
    tree = DictTree(files)
    found = resources(load(tree, LoadOptions(directory="stacks/web")), tree, TARGET)
    assert [one.spec for one in found if one.key.kind == "file"] == [{"content": {"": (0o644, b"1")}}]


def test_a_file_above_the_stack_is_not_written_by_who_writes_the_whole_of_it() -> None:
    text = "services: {a: {image: x, volumes: ['.:/app']}, b: {image: x, volumes: ['../../shared/c:/c:ro']}}"
    tree = DictTree({"stacks/web/compose.yaml": text, "shared/c": "1"})
    found = resources(load(tree, LoadOptions(directory="stacks/web")), tree, TARGET)
    copied = [one for one in found if one.key.kind == "file" and not one.spec.get("seed")]
    assert [one.spec for one in copied] == [{"content": {"": (0o644, b"1")}}]


@pytest.mark.parametrize(
    ("source", "reason", "message"),
    [
        ("../../../x", "PathEscape", "leads out of the repository"),
        (
            "../../x",
            "PathEscape",
            '"../../x" is not in the repository, and leads out of the stack\'s directory, where its data lies',
        ),
        ("./link", "SymlinkRefused", "stacks/web/link is a symlink, which is not followed"),
        ("./link/below", "SymlinkRefused", "stacks/web/link is a symlink, which is not followed"),
        ("./holds", "SymlinkRefused", "stacks/web/holds/a/link is a symlink, which is not followed"),
        ("./module/x", "SymlinkRefused", "stacks/web/module is a submodule, which is not followed"),
    ],
)
def test_a_mount_that_is_refused(source: str, reason: str, message: str) -> None:
    links = ("stacks/web/link", "stacks/web/holds/a/link")
    tree = DictTree(
        {"stacks/web/compose.yaml": MOUNT % f"{source}:/c:ro", "stacks/web/holds/b": "1"},
        links=links,
        submodules=("stacks/web/module",),
    )
    loaded = load(tree, LoadOptions(directory="stacks/web"))
    with pytest.raises(BadManifest) as caught:
        resources(loaded, tree, TARGET)
    (problem,) = caught.value.problems
    assert problem.message.endswith(message)
    assert (problem.path, problem.place) == ("services.a.volumes[0]", Place("stacks/web/compose.yaml", 1, 36))
    assert caught.value.reason == reason


def test_a_local_volume_that_binds_a_relative_path_needs_its_directory() -> None:
    text = """\
        services: {a: {image: x, volumes: [data:/d]}}
        volumes: {data: {driver: local, driver_opts: {type: none, o: bind, device: ./d}}}
    """
    found = wanted(text)
    assert found["volume/web_data"].requires == (Requirement(Key("file", f"{DATA}/d")),)
    assert found[f"file/{DATA}/d"].spec == {"directory": True}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("services: {a: {image: 'x:'}}", '1:23: services.a.image: "x:" is no image reference'),
        ("services: {a: {image: X/y}}", None),
        ("services: {a: {image: 'UPPER'}}", '1:23: services.a.image: "UPPER" is no image reference'),
        ("services: {a: {image: 'r.io:5000/a/b_c:1@sha256:%s'}}" % ("a" * 64), None),
        ("services: {a: {image: '%s'}}" % ("a-" * 300), '1:23: services.a.image: "%s…" is no image reference'
         % ("a-" * 40)),
        ("services: {a: {image: x, restart: never}}", '1:35: services.a.restart: "never" is no restart policy, use '
         "no, always, unless-stopped or on-failure[:N]"),
        ("services: {a: {image: x, container_name: a b}}", '1:42: services.a.container_name: "a b" is no name for a '
         'container, use letters, digits, "_", "." and "-"'),
        ("services: {a: {image: x, volumes: ['v:/v']}}", '1:36: services.a.volumes[0]: "v:/v" is no absolute path in '
         "the container, a name of one letter reads as a Windows drive"),
        ("services: {a: {image: x, ports: ['80:1', '80:2']}}", "1:42: services.a.ports[1]: port 80/tcp of the host is "
         "published by services.a already"),
        ("services: {a: {image: x, ports: ['80:1', '80:2/udp', '8000-8001:3', '8000-8001:4']}}", None),
        ("services: {a: {image: x, ports: ['127.0.0.1:80:1', '127.0.0.2:80:1']}}", None),
        ("services: {a: {image: x, ports: ['127.0.0.1:80:1']}, b: {image: x, ports: ['80:1']}}",
         "1:76: services.b.ports[0]: port 80/tcp of the host is published by services.a already"),
        ("services: {a: {image: x, scale: 2, ports: ['80:1']}}", "1:44: services.a.ports[0]: 2 containers cannot all "
         "publish port 80"),
        ("services: {a: {image: x, deploy: {replicas: 3}, ports: ['8000-8001:1', '8000-8002:2']}}", "1:57: services.a."
         "ports[0]: 3 containers cannot all publish one of the 2 ports 8000-8001, publish a longer range, or have "
         "fewer containers"),
        ("services: {a: {image: x, scale: 3, network_mode: host, ports: ['8000-8001:1']}}", None),
        ("services: {a: {image: x, networks: [n]}}\nnetworks: {n: {external: true, name: ''}}",
         "2:12: networks.n: the name is empty"),
        ("services: {a: {image: x, ports: ['0:80']}, b: {image: x, scale: 2, ports: ['0:80']}}", None),
        ("services: {a: {image: x, ports: ['80:1']}, b: {image: x, network_mode: host, ports: ['80:1']}}", None),
        ("services: {a: {image: x, container_name: web-b-2}, b: {image: x, scale: 2}}", "1:42: services.a."
         'container_name: "web-b-2" is what a container of the service "b" is called, choose another name'),
        ("services: {a: {image: x, container_name: web-a-1}, b: {image: x}}", None),
        ("services: {a: {image: x, networks: [m, n]}}\nnetworks: {m: {name: z}, n: {name: z, internal: true}}",
         '2:36: networks.n.name: networks.m is called "z" as well, and is defined otherwise, give one of them another '
         "name"),
        ("services: {a: {image: x, networks: [m, n]}}\nnetworks: {m: {name: web_n}, n: {internal: true}}",
         '2:33: networks.n.name: networks.m is called "web_n" as well, and is defined otherwise, give one of them '
         "another name"),
        ("services: {a: {image: x, networks: [m, n]}}\nnetworks: {m: {name: z}, n: {name: z, external: true}}", None),
        ("services: {a: {image: x, volumes: [v1:/v, v2:/w]}}\nvolumes: {v1: {name: z}, v2: {name: z}}", None),
        ("services: {a: {image: x, volumes: [v1:/v, v2:/w]}}\nvolumes: {v1: {name: z}, v2: {name: z, driver: d}}",
         '2:37: volumes.v2.name: volumes.v1 is called "z" as well, and is defined otherwise, give one of them another '
         "name"),
        ("services: {a: {image: x, deploy: {restart_policy: {condition: any, max_attempts: 3}}}}",
         "1:82: services.a.deploy.restart_policy.max_attempts: the engine counts attempts with on-failure only, and "
         "refuses a number with any, leave it out, or write condition: on-failure"),
        ("services: {a: {image: x, deploy: {restart_policy: {condition: on-failure, max_attempts: 3}}}}", None),
        ("services: {a: {image: x, deploy: {restart_policy: {condition: any, max_attempts: 0}}}}", None),
        ("services: {a: {image: x, network_mode: 'service:b', ports: ['80']}, b: {image: x}}",
         "1:60: services.a.ports: does not go with network_mode: service:b, write it where the network is"),
        ("services: {a: {image: x, network_mode: 'container:b', hostname: h}}",
         "1:65: services.a.hostname: does not go with network_mode: container:b, write it where the network is"),
        ("services: {a: {image: x, network_mode: host, hostname: h, dns: 1.1.1.1}}", None),
    ],
)  # fmt: skip
def test_what_the_engine_would_refuse_is_refused_before(text: str, problem: str | None) -> None:
    tree = DictTree({"compose.yaml": text})
    loaded = load(tree, LoadOptions(project_name="web"))
    if problem is None:
        assert resources(loaded, tree, TARGET)
        return
    with pytest.raises(BadManifest) as caught:
        resources(loaded, tree, TARGET)
    assert [str(one) for one in caught.value.problems] == [f"compose.yaml:{problem}"]


def test_the_same_files_give_the_same_resources() -> None:
    text = "services: {b: {image: x, volumes: ['./c:/c:ro']}, a: {image: y}}\n"
    assert wanted(text, {"c": "1"}) == wanted(text, {"c": "1"})


@pytest.mark.parametrize(
    ("mount", "source"),
    [
        ("./conf.txt:/c:ro", None),
        ("./conf.txt:/c", "/here/web/conf.txt"),
        ("./site:/c:ro", "/here/web/site"),
        ("./nothing:/c", "/here/web/nothing"),
        ("../beside:/c", "/here/beside"),
        ("./link:/c:ro", "/here/web/link"),
        ("/abs:/c", "/abs"),
    ],
)
def test_a_project_of_this_host_is_used_where_it_lies_but_for_its_small_files(mount: str, source: str | None) -> None:
    tree = DictTree(
        {
            "web/compose.yaml": f"services: {{a: {{image: x, volumes: ['{mount}']}}}}",
            "web/conf.txt": "one",
            "web/site/a": "b",
        },
        links=("web/link",),
    )
    found = resources(load(tree, LoadOptions(directory="web")), tree, Target("/here/web", FILES, in_place=True))
    (bind,) = next(one for one in found if one.key.kind == "container").spec["body"]["HostConfig"]["Binds"]
    files = [one.key.name for one in found if one.key.kind == "file"]
    if source is None:
        assert files == [bind.split(":")[0]]
        assert files[0].startswith(FILES)
    else:
        assert (bind.split(":")[0], files) == (source, [])


def test_what_is_copied_from_a_project_of_this_host_says_where_it_lies() -> None:
    """So that a container of `docker compose`, which mounts the file itself, can be taken over as it is."""
    text = """\
        services:
          a: {image: x, volumes: ['./conf.txt:/conf:ro', './site:/s:ro'], configs: [c], secrets: [s, v]}
          b: {image: x}
        configs: {c: {file: c.txt}}
        secrets: {s: {file: s.txt}, v: {environment: V}}
    """
    tree = DictTree(
        {"web/compose.yaml": textwrap.dedent(text), "web/conf.txt": "1", "web/c.txt": "2", "web/s.txt": "3"}
    )
    loaded = load(tree, LoadOptions(directory="web", environment={"V": "v"}))
    for in_place, expected in ((True, ["/here/web/c.txt", "/here/web/conf.txt", "/here/web/s.txt"]), (False, [])):
        found = resources(loaded, tree, Target("/here/web", FILES, in_place=in_place, secrets="/run/w"))
        a, b = (one.spec for one in found if one.key.kind == "container")
        lying = a.get("lying") or {}
        assert sorted(lying.values()) == expected
        host = a["body"]["HostConfig"]
        mounted = {bind.split(":")[0] for bind in host["Binds"]} | {one["Source"] for one in host["Mounts"]}
        assert set(lying) <= mounted
        assert "lying" not in b


def test_the_values_of_variables_called_like_a_secret_are_hidden_wherever_they_come_from() -> None:
    text = """\
        include: [{path: db/compose.yaml, env_file: db/.env}]
        services: {a: {image: x, command: "x -a ${REDIS_PASSWORD} ${PLAIN}"}}
        volumes: {d: {driver_opts: {o: "${REDIS_PASSWORD}"}}}
    """
    files = {
        ".env": "REDIS_PASSWORD=one-word\nPLAIN=shown",
        "db/compose.yaml": "services: {db: {image: x, command: '-p ${DB_PASSWORD}'}}",
        "db/.env": "DB_PASSWORD=third-word",
    }
    found = wanted(text, files)
    for key in ("container/web-a-1", "container/web-db-1", "network/web_default"):
        assert found[key].hidden == {"one-word", "third-word"}
        assert "word" not in repr(found[key])
