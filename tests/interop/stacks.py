"""Stacks that between them use what people use: each is files by path, with `IMAGE` and `NAME` to be filled in.

`older` are the services that an older Compose makes anew after Windlass, though nothing has changed: its hash of a
configuration has in it what a service depends on, and the priority of a network at another place.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SAY = """
x-base: &base
  image: IMAGE
  command: ["sh", "-c", "echo hello from $$HOSTNAME; trap 'exit 0' TERM INT; while true; do sleep 1 & wait; done"]
  stop_grace_period: 2s
"""


@dataclass(frozen=True)
class Stack:
    compose: str
    files: dict[str, str] = field(default_factory=dict)
    older: frozenset[str] = frozenset()


NETWORKS = Stack(
    SAY
    + """
services:
  web:
    <<: *base
    hostname: front-door
    domainname: example.test
    ports: ["127.0.0.1::80", "8080", "9000-9001/udp", {target: 81, mode: host}]
    expose: [3000, "4000-4001"]
    networks:
      front: {aliases: [www, site], priority: 10}
      back: {ipv4_address: SUBNET.10}
    extra_hosts: ["db.example:192.0.2.1", "host.docker.internal:host-gateway"]
    dns: [192.0.2.53, 192.0.2.54]
    dns_search: [example.test]
    dns_opt: ["ndots:2"]
  card: {<<: *base, mac_address: "02:42:ac:11:65:43", networks: [front]}
  host: {<<: *base, network_mode: host}
  alone: {<<: *base, network_mode: none}
  plain: {<<: *base}
  beside: {<<: *base, network_mode: "service:web"}
networks:
  front: {labels: {tier: outer}}
  back:
    internal: true
    attachable: true
    driver_opts: {com.docker.network.bridge.enable_icc: "true"}
    ipam: {config: [{subnet: SUBNET.0/24, gateway: SUBNET.1}]}
""",
    older=frozenset({"web", "beside"}),
)

STORAGE = Stack(
    SAY
    + """
services:
  web:
    <<: *base
    read_only: true
    volumes:
      - data:/data
      - cache:/cache:ro
      - {type: volume, source: data, target: /again, volume: {nocopy: true}}
      - /anonymous
      - ./site:/site:ro
      - ./upload:/upload
      - ./web.conf:/etc/web.conf:ro
      - {type: bind, source: ./site, target: /long, read_only: true}
      - {type: bind, source: ./site, target: /strict, bind: {create_host_path: false, propagation: rprivate}}
      - {type: tmpfs, target: /fast, tmpfs: {size: 1m, mode: 0o1777}}
    tmpfs: [/run, "/tmp:size=2m,mode=1777"]
    configs: [app, {source: app, target: /etc/app/second.conf}]
    secrets: [token, {source: token, target: other}]
  holder: {<<: *base, volumes: ["data:/data", "./site:/site:ro"]}
  reader: {<<: *base, volumes_from: [holder]}
volumes:
  data: {labels: {keep: "yes"}}
  cache:
configs: {app: {file: ./app.conf}}
secrets: {token: {file: ./token}}
""",
    {"site/index.html": "hello\n", "upload/.keep": "", "web.conf": "a\n", "app.conf": "b\n", "token": "canary\n"},
    older=frozenset({"reader"}),
)

PROCESSES = Stack(
    SAY
    + """
services:
  web:
    <<: *base
    env_file: [one.env, {path: missing.env, required: false}]
    environment: {PLAIN: "1", EMPTY: "", DOLLARS: "a$$b", FILLED: "${FROM_DOTENV}-${MISSING:-none}", TAKEN: }
    labels: {team: shop, quoted: "<a & b>", dollars: "$$x", unicode: "grüße"}
    label_file: web.labels
    annotations: {note: for newer engines}
    user: "1000:1000"
    group_add: ["2000"]
    working_dir: /tmp
    stop_signal: SIGINT
    init: true
    tty: true
    stdin_open: true
    restart: unless-stopped
    depends_on: {db: {condition: service_healthy, restart: true}, worker: {condition: service_started}}
  db:
    <<: *base
    healthcheck: {test: ["CMD", "true"], interval: 1s, timeout: 2s, retries: 3, start_period: 10s}
    restart: on-failure:3
  worker:
    <<: *base
    deploy: {replicas: 2, labels: {a: b}, restart_policy: {condition: any}}
    healthcheck: {disable: true}
  quoted: {<<: *base, entrypoint: sh -c, command: '"echo hello from here; exec sleep 1000"', init: false}
  off: {<<: *base, profiles: [debug]}
""",
    {
        ".env": "FROM_DOTENV='from dotenv'\n",
        "one.env": "A=1\nB='x y'\nPLAIN=0\nC=$A\n",
        "web.labels": "from.file=yes\n",
    },
    older=frozenset({"web"}),
)

LIMITS = Stack(
    SAY
    + """
services:
  web:
    <<: *base
    deploy:
      resources: {limits: {cpus: "0.5", memory: 64M, pids: 60}, reservations: {cpus: "0.1", memory: 32M}}
    ulimits: {nofile: {soft: 100, hard: 200}, nproc: 300}
    shm_size: 8m
    sysctls: {net.core.somaxconn: 99}
    oom_score_adj: 100
    logging: {driver: json-file, options: {max-size: 1m, max-file: 2}}
  old:
    <<: *base
    cpus: 0.7
    mem_limit: 48m
    mem_reservation: 16m
    memswap_limit: 96m
    cpu_shares: 100
    cpuset: "0"
    pids_limit: 50
    cap_add: [NET_ADMIN, sys_time]
    cap_drop: [MKNOD]
    security_opt: ["no-new-privileges:true", "seccomp=unconfined"]
    device_cgroup_rules: ["c 1:3 mr"]
    ipc: shareable
  sharer: {<<: *base, ipc: "service:old", pid: "service:old"}
  strong: {<<: *base, pid: host, cgroup: host, userns_mode: host, uts: host}
  open: {<<: *base, security_opt: ["systempaths=unconfined"]}
""",
    older=frozenset({"sharer"}),
)

STACKS = {"networks": NETWORKS, "storage": STORAGE, "processes": PROCESSES, "limits": LIMITS}
