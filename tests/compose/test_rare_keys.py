"""Keys that are loaded and printed as Compose does although no container takes them: hooks, develop, models,
providers, what only Swarm heeds. What cannot be run is refused with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from agent.compose import LoadOptions, load, render
from agent.compose.calls import engine_calls
from agent.errors import BadManifest
from agent.model import Condition, Key, Requirement
from tests.compose.tree import DictTree, problems, project, wanted


def printed(text: str, override: str = "") -> dict[str, Any]:
    """The service `a` as it is printed, without what every service has; `text` are its keys besides the image."""
    files = {"compose.yaml": f"services: {{a: {{image: x, {text}}}}}\nmodels: {{m: {{model: ai/x}}}}"}
    if override:
        files["compose.override.yaml"] = f"services: {{a: {{{override}}}}}"
    loaded = load(DictTree(files), LoadOptions(default_name="web", environment={"HOME": "/home/me"}))
    found: dict[str, Any] = render(loaded, "/p")["services"]["a"]
    return {key: found[key] for key in found if key not in ("image", "networks", "command", "entrypoint")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("attach: false", {"attach": False}),
        ("annotations: [a=b]", {"annotations": {"a": "b"}}),
        ("use_api_socket: true", {"use_api_socket": True}),
        ("pull_policy: if_not_present", {"pull_policy": "missing"}),
        ("pull_policy: every_2d, pull_refresh_after: 1h", {"pull_policy": "every_2d"}),
        ("credential_spec: {file: x.json}", {"credential_spec": {"file": "x.json"}}),
        ("post_start: [{command: a b, user: root, privileged: 'true', working_dir: /w, environment: [A=1, B]}]",
         {"post_start": [{"command": ["a", "b"], "user": "root", "privileged": True, "working_dir": "/w",
                          "environment": {"A": "1", "B": None}}]}),
        ("pre_stop: [{command: [a]}, {command: }]", {"pre_stop": [{"command": ["a"]}, {"command": None}]}),
        ("pre_start: [{command: [a]}, {image: y, per_replica: false}]",
         {"pre_start": [{"command": ["a"], "image": "x"}, {"command": None, "image": "y"}]}),
        ("develop: {watch: [{path: ./src, action: sync, target: /s, ignore: a, include: [b], initial_sync: true}]}",
         {"develop": {"watch": [{"path": "/p/src", "action": "sync", "target": "/s", "exec": {"command": None},
                                 "include": ["b"], "ignore": ["a"], "initial_sync": True}]}}),
        ("develop: {watch: [{path: ~/c, action: sync+exec, target: /c, exec: {command: x}}]}",
         {"develop": {"watch": [{"path": "/home/me/c", "action": "sync+exec", "target": "/c",
                                 "exec": {"command": ["x"]}}]}}),
        ("develop: ", {}),
        ("develop: {}", {"develop": {}}),
        ("models: [m]", {"models": {"m": None}}),
        ("models: {m: {endpoint_var: E, model_var: V}}", {"models": {"m": {"endpoint_var": "E", "model_var": "V"}}}),
        ("provider: {type: p, options: {a: 1, b: [x, true], c: true}}",
         {"provider": {"type": "p", "options": {"a": ["1"], "b": ["x", "true"], "c": ["true"]}}}),
        ("deploy: {mode: global, labels: [a=b], endpoint_mode: dnsrr}",
         {"deploy": {"mode": "global", "labels": {"a": "b"}, "resources": {}, "placement": {},
                     "endpoint_mode": "dnsrr"}}),
        ("deploy: {update_config: {parallelism: 0, delay: 10s, monitor: 0s, max_failure_ratio: '0.3', "
         "order: stop-first}}",
         {"deploy": {"update_config": {"parallelism": 0, "delay": "10s", "max_failure_ratio": 0.3,
                                       "order": "stop-first"}, "resources": {}, "placement": {}}}),
        ("deploy: {rollback_config: {}, placement: {constraints: [a], preferences: [{spread: b}], "
         "max_replicas_per_node: 1}}",
         {"deploy": {"rollback_config": {}, "resources": {}, "placement": {
             "constraints": ["a"], "preferences": [{"spread": "b"}], "max_replicas_per_node": 1}}}),
        ("volumes: [{type: image, source: y, target: /y, image: {subpath: s}}]",
         {"volumes": [{"type": "image", "source": "y", "target": "/y", "image": {"subpath": "s"}}]}),
        ("volumes: [{type: cluster, source: n, target: /n}]",
         {"volumes": [{"type": "cluster", "source": "n", "target": "/n"}]}),
    ],
)  # fmt: skip
def test_how_a_rare_key_is_printed(text: str, expected: dict[str, Any]) -> None:
    assert printed(text) == expected


@pytest.mark.parametrize(
    ("text", "override", "expected"),
    [
        ("pre_stop: [{command: a}]", "pre_stop: [{command: b}]",
         {"pre_stop": [{"command": ["a"]}, {"command": ["b"]}]}),
        ("develop: {watch: [{path: a, action: rebuild}]}", "develop: ",
         {"develop": {"watch": [{"path": "/p/a", "action": "rebuild", "exec": {"command": None}}]}}),
        ("models: [m]", "models: {m: {model_var: V}}", {"models": {"m": {"model_var": "V"}}}),
        ("provider: {type: p, options: {a: 1, b: [x]}}", "provider: {options: {a: 2, b: [y]}}",
         {"provider": {"type": "p", "options": {"a": ["2"], "b": ["x", "y"]}}}),
        ("attach: true", "attach: false", {"attach": False}),
    ],
)  # fmt: skip
def test_how_a_rare_key_is_merged(text: str, override: str, expected: dict[str, Any]) -> None:
    assert printed(text, override) == expected


def test_the_models_that_are_used_are_printed_so_that_the_output_can_be_loaded() -> None:
    models = "{m: {model: ai/x, context_size: 5, runtime_flags: [-a]}, n: {model: y}}"
    text = f"services: {{a: {{image: x, models: [m]}}}}\nmodels: {models}"
    assert render(project(text), "/p")["models"] == {"m": {"model": "ai/x", "context_size": 5, "runtime_flags": ["-a"]}}


def test_a_provider_is_no_container_and_has_no_network() -> None:
    loaded = project("services: {a: {provider: {type: p}}}")
    assert render(loaded, "/p") == {
        "name": "web",
        "services": {"a": {"command": None, "entrypoint": None, "provider": {"type": "p"}}},
    }
    assert engine_calls(loaded, "/p") == []


def test_the_addresses_of_a_network_have_options_that_compose_does_not_print() -> None:
    text = "services: {a: {image: x, networks: [n]}}\nnetworks: {n: {enable_ipv4: false, ipam: {options: {a: b}}}}"
    assert render(project(text), "/p")["networks"] == {"n": {"name": "web_n", "ipam": {}, "enable_ipv4": False}}
    assert engine_calls(project(text), "/p")[0]["body"]["EnableIPv4"] is False
    assert "IPAM" not in engine_calls(project(text), "/p")[0]["body"]
    assert wanted(text)["network/web_n"].spec["IPAM"] == {"Options": {"a": "b"}}


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("attach: maybe", '3:13: services.a.attach: "maybe" is not a boolean, write true or false'),
        ("use_api_socket: 'true'", "3:21: services.a.use_api_socket: must be a boolean, not a string"),
        ("post_start: [{user: root}]", '3:18: services.a.post_start[0]: needs the key "command"'),
        ("post_start: [{command: x, image: y}]", '3:31: services.a.post_start[0]: unknown key "image"'),
        ("post_start: {command: x}", "3:17: services.a.post_start: must be a list, not a mapping"),
        ("develop: {watch: [{path: x}]}", '3:23: services.a.develop.watch[0]: needs the key "action"'),
        ("develop: {watch: [{path: x, action: snyc}]}", '3:41: services.a.develop.watch[0].action: "snyc" is not one '
         'of rebuild, sync, restart, sync+restart, sync+exec, did you mean "sync"?'),
        ("develop: {watch: [{path: x, action: sync}]}", "3:23: services.a.develop.watch[0]: the action sync needs the "
         'key "target"'),
        ("develop: {watch: [{path: '', action: rebuild}]}", "3:30: services.a.develop.watch[0].path: is empty"),
        ("models: [n]", '3:14: services.a.models.n: the model "n" is not defined, define it under "models:"'),
        ("models: [m, m]", '3:17: services.a.models[1]: "m" is in the list already'),
        ("provider: {options: {}}", '3:15: services.a.provider: needs the key "type"'),
        ("provider: {type: p, options: {a: {}}}", "3:38: services.a.provider.options.a: must be a string, a number or "
         "a boolean, not a mapping"),
        ("deploy: {update_config: {order: random}}", '3:37: services.a.deploy.update_config.order: "random" is not one '
         "of start-first, stop-first"),
        ("deploy: {update_config: {delay: 5}}", "3:37: services.a.deploy.update_config.delay: must be a duration with "
         "its unit, write 5s for seconds"),
        ("deploy: {placement: {constraints: x}}", "3:39: services.a.deploy.placement.constraints: must be a list, not "
         "a string"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_rare_key(keys: str, problem: str) -> None:
    image = "" if "provider" in keys else "\n    image: x"
    assert problems(f"services:\n  a:\n    {keys}{image}\nmodels: {{m: {{model: x}}}}") == [f"compose.yaml:{problem}"]


def test_what_runs_around_the_life_of_a_container() -> None:
    text = """\
        services:
          a:
            image: x
            environment: {E: 1}
            networks: [n]
            scale: 2
            post_start: [{command: b, user: root, privileged: true, environment: {F: 2, G: }}]
            pre_stop: [{command: [c, d], working_dir: /w}]
            pre_start: [{command: migrate}, {image: y, environment: [E=2], privileged: true}]
        networks: {n: {name: real}}
    """
    found = wanted(text)
    around = found["container/web-a-1"].spec["hooks"]
    assert around["post_start"] == [
        {"Cmd": ["b"], "User": "root", "AttachStdout": True, "AttachStderr": True, "Env": ["F=2", "G"],
         "Privileged": True}
    ]  # fmt: skip
    assert around["pre_stop"] == [{"Cmd": ["c", "d"], "WorkingDir": "/w", "AttachStdout": True, "AttachStderr": True}]
    first, second = around["pre_start"]
    assert (first["Image"], first["Cmd"], first["Env"]) == ("x", ["migrate"], ["E=1"])
    assert (second["Image"], "Cmd" in second, second["Env"]) == ("y", False, ["E=1", "E=2"])
    assert second["HostConfig"] == {"NetworkMode": "real", "Privileged": True}
    assert set(second["NetworkingConfig"]["EndpointsConfig"]) == {"real"}
    assert second["Labels"] == {
        "com.docker.compose.hook": "pre_start",
        "com.docker.compose.project": "web",
        "com.docker.compose.service": "a",
        "com.docker.compose.version": "2.40.3",
    }


def test_what_runs_before_a_service_runs_once_and_before_all_of_it() -> None:
    found = wanted("services: {a: {image: x, scale: 2, pre_start: [{image: y}]}}")
    assert "hooks" not in found["container/web-a-2"].spec
    first = Requirement(Key("container", "web-a-1"), Condition.STARTED)
    assert [first in found[f"container/web-a-{number}"].requires for number in (1, 2)] == [False, True]
    assert Requirement(Key("image", "y")) in found["container/web-a-1"].requires


@pytest.mark.parametrize(
    ("models", "problem"),
    [
        ("{m: {}}", '1:13: models.m: needs the key "model"'),
        ("{m: {model: x, context_size: '5'}}", "1:38: models.m.context_size: must be a whole number, not a string"),
    ],
)
def test_what_is_wrong_with_a_model(models: str, problem: str) -> None:
    assert problems(f"models: {models}\nservices: {{a: {{image: x}}}}") == [f"compose.yaml:{problem}"]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("models: [m]", "3:13: services.a.models: models are run by a plugin of Docker's client, not by the engine, "
         "run the model as a service of its own and give its address in environment"),
        ("provider: {type: p}", "3:15: services.a.provider: a provider is a program that Compose would run on this "
         "host, which Windlass does not, set up by other means what it provides, and name it in environment"),
        ("pre_start: [{per_replica: true}]", "3:31: services.a.pre_start[0].per_replica: runs once for a service, not "
         "for each of its containers, leave it out"),
        ("use_api_socket: true", "3:21: services.a.use_api_socket: would hand the container the engine, and with it "
         "the host, and the client's credentials, mount the socket as a volume if that is meant"),
        ("volumes: [{type: cluster, source: n, target: /n}]", "3:15: services.a.volumes[0]: no volumes of a cluster: "
         "only Docker's Swarm mode has them, use a volume with a driver of its own"),
        ("volumes: [{type: npipe, source: n, target: /n}]", "3:15: services.a.volumes[0]: a named pipe is a thing of "
         "Windows, mount a socket as a bind"),
        ("volumes: [{type: image, target: /n}]", '3:15: services.a.volumes[0]: needs the key "source": the image that '
         "is mounted"),
    ],
)  # fmt: skip
def test_what_loads_and_is_not_run(keys: str, problem: str) -> None:
    image = "" if "provider" in keys else "\n    image: x"
    with pytest.raises(BadManifest) as caught:
        wanted(f"services:\n  a:\n    {keys}{image}\nmodels: {{m: {{model: x}}}}")
    assert [str(one) for one in caught.value.problems] == [f"compose.yaml:{problem}"]
