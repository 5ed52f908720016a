"""What the engine is sent for a service, a network and a volume."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from agent.compose.calls import engine_calls
from tests.compose.tree import body, project, wanted

LABEL = "com.docker.compose"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_smallest_service() -> None:
    assert body("") == {
        "AttachStdout": True,
        "AttachStderr": True,
        "Image": "x",
        "Labels": {
            # the value that Compose 2.40.3 gives a service of one image "x" and nothing else
            f"{LABEL}.config-hash": "d5457d0b2799957b606d2ac4ed52d85a1e75799490e56229948300b9a59e8953",
            f"{LABEL}.container-number": "1",
            f"{LABEL}.depends_on": "",
            f"{LABEL}.oneoff": "False",
            f"{LABEL}.project": "web",
            f"{LABEL}.project.config_files": "/var/lib/windlass/stacks/web/compose.yaml",
            f"{LABEL}.project.working_dir": "/var/lib/windlass/stacks/web",
            f"{LABEL}.service": "a",
            f"{LABEL}.version": "2.40.3",
        },
        "HostConfig": {"NetworkMode": "web_default", "OomKillDisable": False},
        "NetworkingConfig": {"EndpointsConfig": {"web_default": {"Aliases": ["web-a-1", "a"]}}},
    }


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("command: echo hi", {"Cmd": ["echo", "hi"]}),
        ("command: []", {"Cmd": []}),
        ("entrypoint: ''", {"Entrypoint": []}),
        ("environment: {B: 2, A: , C: ''}", {"Env": ["A", "B=2", "C="]}),
        ("hostname: h\ndomainname: d\nuser: u\nworking_dir: /w",
         {"Hostname": "h", "Domainname": "d", "User": "u", "WorkingDir": "/w"}),
        ("user: '0'", {"User": "0"}),
        ("tty: true\nstdin_open: true", {"Tty": True, "OpenStdin": True}),
        ("stop_signal: SIGINT\nstop_grace_period: 1m", {"StopSignal": "SIGINT", "StopTimeout": 60}),
        ("stop_grace_period: 500ms", {"StopTimeout": 0}),
        ("expose: [3000]\nports: ['80']", {"ExposedPorts": {"3000": {}, "80/tcp": {}}}),
        ("healthcheck: {test: x, interval: 10s, timeout: 1s, start_period: 2s, retries: 3}", {"Healthcheck": {
            "Test": ["CMD-SHELL", "x"], "Interval": 10**10, "Timeout": 10**9, "StartPeriod": 2 * 10**9, "Retries": 3,
        }}),
        ("healthcheck: {disable: true, test: x}", {"Healthcheck": {"Test": ["NONE"]}}),
        ("healthcheck: {interval: 5s}", {"Healthcheck": {"Interval": 5 * 10**9}}),
    ],
)  # fmt: skip
def test_the_configuration(keys: str, expected: dict[str, Any]) -> None:
    found = body(keys)
    assert {key: found.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("ports: ['80', '127.0.0.1:8080:80', '53:53/udp']", {"PortBindings": {
            "53/udp": [{"HostPort": "53"}], "80/tcp": [{}, {"HostIp": "127.0.0.1", "HostPort": "8080"}],
        }}),
        ("cap_add: [net_admin, ALL, CAP_CHOWN]\ncap_drop: [setuid]",
         {"CapAdd": ["ALL", "CAP_CHOWN", "CAP_NET_ADMIN"], "CapDrop": ["CAP_SETUID"]}),
        ("init: false", {"Init": False}),
        ("read_only: true\nprivileged: true", {"ReadonlyRootfs": True, "Privileged": True}),
        ("restart: on-failure:3", {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}),
        ("restart: no", {"RestartPolicy": {"Name": "no"}}),
        ("mem_limit: 64m\nmem_reservation: 32m\nshm_size: 1k", {
            "Memory": 64 << 20, "MemoryReservation": 32 << 20, "ShmSize": 1024,
        }),
        ("cpus: 5.7\npids_limit: -1", {"NanoCpus": 5699999744, "PidsLimit": -1}),
        ("ulimits: {nproc: 5, nofile: {soft: 1, hard: 2}}", {"Ulimits": [
            {"Name": "nofile", "Soft": 1, "Hard": 2}, {"Name": "nproc", "Soft": 5, "Hard": 5},
        ]}),
        ("dns: 1.1.1.1\nextra_hosts: ['h=::1']", {"Dns": ["1.1.1.1"], "ExtraHosts": ["h:::1"]}),
        ("sysctls: {net.core.somaxconn: 1024}", {"Sysctls": {"net.core.somaxconn": "1024"}}),
        ("security_opt: [no-new-privileges, systempaths=unconfined]",
         {"SecurityOpt": ["no-new-privileges"], "MaskedPaths": [], "ReadonlyPaths": []}),
        ("tmpfs: [/run, '/tmp:size=1m']", {"Tmpfs": {"/run": "", "/tmp": "size=1m"}}),
        ("logging: {driver: json-file, options: {max-size: 1m}}",
         {"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}}}),
        ("group_add: [5, audio]", {"GroupAdd": ["5", "audio"]}),
        ("annotations: {a: b}", {"Annotations": {"a": "b"}}),
        ("network_mode: host", {"NetworkMode": "host"}),
        ("volumes: [/a:/a, '/b:/b:ro,z', /anon]", {
            "Binds": ["/a:/a:rw", "/b:/b:ro,z"],
            "Mounts": [{"Type": "volume", "Target": "/anon", "VolumeOptions": {}}],
        }),
        ("volumes: ['/a:/a:rshared']", {"Mounts": [{
            "Type": "bind", "Source": "/a", "Target": "/a",
            "BindOptions": {"Propagation": "rshared", "CreateMountpoint": True},
        }]}),
        ("volumes: [{type: bind, source: /a, target: /a}]", {"Binds": ["/a:/a:rw"]}),
        ("volumes: [{type: bind, source: /a, target: /a, bind: {create_host_path: false, recursive: disabled}}]",
         {"Mounts": [{"Type": "bind", "Source": "/a", "Target": "/a", "BindOptions": {"NonRecursive": True}}]}),
        ("volumes: [{type: tmpfs, target: /t, tmpfs: {size: 64m, mode: 0o1777}}, {type: tmpfs, target: /u}]",
         {"Mounts": [
             {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 64 << 20, "Mode": 0o1777}},
             {"Type": "tmpfs", "Target": "/u"},
         ]}),
    ],
)  # fmt: skip
def test_the_host_configuration(keys: str, expected: dict[str, Any]) -> None:
    host = body(keys)["HostConfig"]
    assert {key: host.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", {"Binds": ["web_data:/d:rw"]}),
        (", read_only: true", {"Binds": ["web_data:/d:ro"]}),
        (", volume: {nocopy: true, subpath: s}", {"Mounts": [{
            "Type": "volume", "Source": "web_data", "Target": "/d", "VolumeOptions": {"NoCopy": True, "Subpath": "s"},
        }]}),
    ],
)  # fmt: skip
def test_a_named_volume(options: str, expected: dict[str, Any]) -> None:
    mount = f"{{type: volume, source: data, target: /d{options}}}"
    found = wanted(f"services: {{a: {{image: x, volumes: [{mount}]}}}}\nvolumes: {{data: }}\n")
    host = found["container/web-a-1"].spec["body"]["HostConfig"]
    assert {key: host.get(key) for key in ("Binds", "Mounts") if key in host} == expected


def test_networks_are_joined_by_priority_with_all_their_endpoints() -> None:
    text = """\
        services:
          a:
            image: x
            networks:
              back: {aliases: [db], ipv4_address: 10.0.0.5}
              front: {priority: 10}
              plain:
        networks: {back: , front: , plain: {external: true}}
    """
    found = wanted(text)["container/web-a-1"].spec["body"]
    assert found["HostConfig"]["NetworkMode"] == "web_front"
    assert found["NetworkingConfig"]["EndpointsConfig"] == {
        "plain": {"Aliases": ["web-a-1", "a"]},
        "web_back": {
            "Aliases": ["web-a-1", "a", "db"],
            "IPAMConfig": {"IPv4Address": "10.0.0.5"},
            "IPAddress": "10.0.0.5",
        },
        "web_front": {"Aliases": ["web-a-1", "a"], "IPAMConfig": {}},
    }


def test_a_service_without_networks_gets_no_endpoints() -> None:
    assert "EndpointsConfig" not in body("network_mode: none").get("NetworkingConfig", {})


def test_own_labels_win_over_those_of_compose_never() -> None:
    labels = body(f"labels: {{{LABEL}.service: mine, own: 1}}")["Labels"]
    assert (labels[f"{LABEL}.service"], labels["own"]) == ("a", "1")


def test_the_dependencies_of_a_service_are_on_its_label() -> None:
    text = """\
        services:
          a: {image: x, depends_on: {c: {condition: service_healthy, restart: true}, b: {condition: service_started}}}
          b: {image: x}
          c: {image: x}
    """
    labels = wanted(text)["container/web-a-1"].spec["body"]["Labels"]
    assert labels[f"{LABEL}.depends_on"] == "b:service_started:false,c:service_healthy:true"


def test_a_network() -> None:
    text = """\
        services: {a: {image: x, networks: [n]}}
        networks:
          n:
            driver: bridge
            driver_opts: {mtu: 1400}
            internal: true
            attachable: true
            enable_ipv6: false
            labels: [own=1]
            ipam: {driver: default, config: [{subnet: 10.0.0.0/24, gateway: 10.0.0.1, ip_range: 10.0.0.0/25,
              aux_addresses: {h: 10.0.0.9}}]}
    """
    assert wanted(text)["network/web_n"].spec == {
        "Driver": "bridge",
        "Options": {"mtu": "1400"},
        "Internal": True,
        "Attachable": True,
        "EnableIPv6": False,
        "Labels": {
            "own": "1",
            f"{LABEL}.config-hash": sha256(
                '{"name":"web_n","driver":"bridge","driver_opts":{"mtu":"1400"},"ipam":{"driver":"default","config":['
                '{"subnet":"10.0.0.0/24","gateway":"10.0.0.1","ip_range":"10.0.0.0/25","aux_addresses":'
                '{"h":"10.0.0.9"}}]},"internal":true,"attachable":true,"labels":{"own":"1"},"enable_ipv6":false}'
            ),
            f"{LABEL}.network": "n",
            f"{LABEL}.project": "web",
            f"{LABEL}.version": "2.40.3",
        },
        "IPAM": {
            "Driver": "default",
            "Config": [
                {
                    "Subnet": "10.0.0.0/24",
                    "Gateway": "10.0.0.1",
                    "IPRange": "10.0.0.0/25",
                    "AuxiliaryAddresses": {"h": "10.0.0.9"},
                }
            ],
        },
    }


def test_a_volume() -> None:
    text = """\
        services: {a: {image: x, volumes: [data:/d]}}
        volumes: {data: {driver: local, driver_opts: {type: nfs, device: ":/x"}, labels: {own: 1}}}
    """
    assert wanted(text)["volume/web_data"].spec == {
        "Driver": "local",
        "DriverOpts": {"type": "nfs", "device": ":/x"},
        "Labels": {
            "own": "1",
            f"{LABEL}.config-hash": sha256(
                '{"name":"web_data","driver":"local","driver_opts":{"device":":/x","type":"nfs"},"labels":{"own":"1"}}'
            ),
            f"{LABEL}.volume": "data",
            f"{LABEL}.project": "web",
            f"{LABEL}.version": "2.40.3",
        },
    }


def test_the_hash_of_a_network_and_a_volume_of_which_nothing_is_said() -> None:
    """The values that Compose 2.40.3 gives them."""
    found = wanted("services: {a: {image: x, volumes: [data:/d]}}\nvolumes: {data: }")
    labels = [found[key].spec["Labels"][f"{LABEL}.config-hash"] for key in ("network/web_default", "volume/web_data")]
    assert labels == [sha256('{"name":"web_default","ipam":{}}'), sha256('{"name":"web_data","driver":"local"}')]


def test_the_environment_files_of_a_project_are_on_its_containers() -> None:
    loaded = project("services: {a: {image: x}}", {"one.env": "", "two.env": ""}, env_files=("one.env", "two.env"))
    labels = engine_calls(loaded, "/p")[1]["body"]["Labels"]
    assert labels[f"{LABEL}.project.environment_file"] == "/p/one.env,/p/two.env"


def test_the_calls_of_a_project_are_those_of_compose_with_its_files_in_place() -> None:
    text = """\
        services:
          a: {image: x, scale: 2, volumes: [./d:/d, data:/v], networks: [n, e], platform: linux/x86_64}
        networks: {n: , e: {external: true}}
        volumes: {data: }
    """
    calls = engine_calls(project(text), "/srv/web")
    assert [(call["call"], call.get("name") or call["body"]["Name"]) for call in calls] == [
        ("network.create", "web_n"),
        ("volume.create", "web_data"),
        ("container.create", "web-a-1"),
        ("container.create", "web-a-2"),
    ]
    assert calls[2]["platform"] == "linux/amd64"
    assert calls[2]["body"]["HostConfig"]["Binds"] == ["/srv/web/d:/d:rw", "web_data:/v:rw"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("deploy: {replicas: 2}", "deploy: {replicas: 3}", True),
        ("profiles: []", "scale: 2", True),
        ("cpus: 2", "cpus: 2.0", True),
        ("cpus: 2", "cpus: 1.5", False),
        ("command: a", "command: b", False),
        ("labels: {a: '<&>'}", "labels: {a: '<'}", False),
    ],
)
def test_the_config_hash_moves_with_what_compose_would_replace_a_container_for(
    one: str, other: str, same: bool
) -> None:
    first, second = (body(keys)["Labels"][f"{LABEL}.config-hash"] for keys in (one, other))
    assert (first == second) is same
