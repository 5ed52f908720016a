"""Stacks for the settings of their services, and for how they are written down."""

from __future__ import annotations

from tests.interop.brought import Brought

SERVICES: dict[str, Brought] = {
    "a plain server": Brought(
        """
services:
  web: {<<: *base, ports: ["127.0.0.1::80"], restart: unless-stopped, environment: [A=1, B=two words]}
""",
        "A=1",
        "A=2",
        {"web": {"environment.A"}},
    ),
    "what the image says is overridden": Brought(
        """
services:
  off: {image: RICH, healthcheck: {disable: true}, entrypoint: ["sleep"], command: ["1000"], stop_grace_period: 1s}
  none:
    image: RICH
    healthcheck: {test: ["NONE"]}
    stop_signal: SIGINT
    environment: {FROM_IMAGE: other}
    stop_grace_period: 1s
  mine:
    image: RICH
    healthcheck: {test: "true", interval: 2s}
    entrypoint: []
    command: sleep 1000
    stop_grace_period: 1s
  expose: {image: RICH, expose: ["9000/udp"], labels: {from.image: mine}, stop_grace_period: 1s}
""",
        "interval: 2s",
        "interval: 3s",
        {"mine": {"healthcheck.interval"}},
    ),
    "env files": Brought(
        """
services:
  app: {<<: *base, env_file: [one.env, two.env], environment: [TAKEN, GIVEN=$$x, "EMPTY="]}
  other: {<<: *base, env_file: one.env}
""",
        "GIVEN=$$x",
        "GIVEN=$$y",
        {"app": {"environment.GIVEN"}},
        {},
        {
            "one.env": "A=1\nB=\"two words\"\nexport C='$A'\n# no\nD=${A}x\n",
            "two.env": "A=2\nEMPTY_TOO=\n",
            ".env": "TAKEN=from outside\n",
        },
    ),
    "interpolated": Brought(
        """
services:
  app:
    <<: *base
    image: ${REPO:-IMAGE}
    environment: {A: "${A:?needed}", B: "${NOPE-none}", C: "${A:+set}", D: "$$HOME", E: "${EMPTY:-${A}}"}
    labels: {traefik.http.routers.app.rule: "Host(`${HOST}`)", traefik.enable: "true"}
    ports: ["127.0.0.1:${PORT:-0}:80"]
""",
        "traefik.enable",
        "traefik.disable",
        {"app": {"labels.traefik.enable", "labels.traefik.disable"}},
        {},
        {".env": "A=from dotenv\nHOST=app.example\nEMPTY=\n"},
    ),
    "health and order": Brought(
        """
services:
  db: {<<: *base, healthcheck: {test: [CMD-SHELL, "true"], interval: 1s, timeout: 1s, retries: 2, start_period: 5s}}
  migrate: {<<: *base, command: ["true"], depends_on: {db: {condition: service_healthy}}}
  app:
    <<: *base
    depends_on:
      db: {condition: service_healthy, restart: true}
      migrate: {condition: service_completed_successfully}
""",
        "retries: 2",
        "retries: 4",
        {"db": {"healthcheck.retries"}, "app": {""}},
    ),
    "limits of deploy": Brought(
        """
services:
  app:
    <<: *base
    deploy:
      mode: replicated
      replicas: 2
      endpoint_mode: vip
      labels: {only: swarm}
      resources: {limits: {cpus: "0.25", memory: 32M, pids: 50}, reservations: {memory: 16m}}
      restart_policy: {condition: on-failure, delay: 5s, max_attempts: 3}
      placement: {constraints: [node.role == worker]}
      update_config: {parallelism: 1, order: start-first}
""",
        "memory: 32M",
        "memory: 40M",
        {"app": {"memory", "memswap_limit"}},
    ),
    "limits of old": Brought(
        """
services:
  app:
    <<: *base
    cpus: 0.5
    cpu_shares: 512
    mem_limit: 33554432
    mem_reservation: 16m
    memswap_limit: 64m
    mem_swappiness: 60
    oom_score_adj: 5
    oom_kill_disable: false
    pids_limit: 100
    blkio_config: {weight: 300}
    ulimits: {nofile: 1024, core: {soft: 0, hard: 0}, memlock: {soft: 65536, hard: 65536}}
    shm_size: 16777216
""",
        "pids_limit: 100",
        "pids_limit: 120",
        {"app": {"pids_limit"}},
    ),
    "rights": Brought(
        """
services:
  app:
    <<: *base
    privileged: false
    userns_mode: host
  other:
    <<: *base
    user: "1000:1000"
    group_add: [29, "44"]
    read_only: true
    cap_drop: [ALL]
    cap_add: [CHOWN, CAP_KILL]
    security_opt: ["no-new-privileges:true", "seccomp:unconfined", "apparmor=unconfined"]
    tmpfs: [/tmp]
    devices: ["/dev/null:/dev/mine:rw", /dev/zero]
    device_cgroup_rules: ["c 1:5 rmw"]
""",
        "cap_drop: [ALL]",
        "cap_drop: [MKNOD]",
        {"other": {"cap_drop"}},
    ),
    "a seccomp profile of the directory": Brought(
        """
services:
  app: {<<: *base, security_opt: ["seccomp:./profile.json"], labels: [a=1]}
""",
        "a=1",
        "a=2",
        {"app": {"labels.a"}},
        {},
        {"profile.json": '{"defaultAction": "SCMP_ACT_ALLOW"}\n'},
    ),
    "names and hosts": Brought(
        """
services:
  app:
    <<: *base
    container_name: NAME-called
    hostname: box
    domainname: example.test
    extra_hosts: [gateway:host-gateway, "api.example=192.0.2.7"]
    dns: 192.0.2.53
    dns_search: [a.example, b.example]
    dns_opt: [use-vc, "ndots:1"]
    links: [db, "db:database"]
    external_links: []
  db: {<<: *base, mac_address: 02:42:ac:11:00:33}
""",
        "192.0.2.53",
        "192.0.2.54",
        {"app": {"dns"}},
    ),
    "forms of labels and lists": Brought(
        """
services:
  app:
    <<: *base
    labels: ["a=1", "b", "c=x=y", 'd="quoted"']
    environment: ["N=", NUMBER=1, "YES=true"]
    expose: [80, "81/udp", "90-92"]
    annotations: {a.b: c}
    attach: false
    x-mine: {any: thing}
  other:
    <<: *base
    labels: {number: 1, yes: true, nothing: , float: 1.50, "null": null}
    environment: {NUMBER: 1, YES: true, FLOAT: 1.10, NOTHING: , BIG: 1e3, OCTAL: 0644}
""",
        "NUMBER=1",
        "NUMBER=2",
        {"app": {"environment.NUMBER"}},
    ),
    "logging": Brought(
        """
services:
  app: {<<: *base, logging: {driver: json-file, options: {max-size: 10m, max-file: "3", tag: "{{.Name}}"}}}
  quiet: {<<: *base, logging: {driver: none}}
  local: {<<: *base, logging: {driver: local, options: {max-size: 1m}}}
""",
        "max-size: 10m",
        "max-size: 20m",
        {"app": {"logging.options.max-size"}},
    ),
    "entrypoints": Brought(
        """
services:
  text: {image: IMAGE, entrypoint: sh -c, command: '"sleep 1000; echo done"', stop_grace_period: 1s}
  both: {image: IMAGE, entrypoint: [sh, -c], command: ["sleep 1000"], stop_grace_period: 1s}
  empty: {image: IMAGE, entrypoint: "", command: sleep 1000, stop_grace_period: 1s}
  terminal: {image: IMAGE, command: sh, tty: true, stdin_open: true, stop_signal: SIGKILL, stop_grace_period: 1s}
""",
        'command: ["sleep 1000"]',
        'command: ["sleep 2000"]',
        {"both": {"command"}},
    ),
    "restart in all forms": Brought(
        """
services:
  a: {<<: *base, restart: always}
  b: {<<: *base, restart: "no"}
  c: {<<: *base, restart: on-failure}
  d: {<<: *base, restart: "on-failure:5"}
  e: {<<: *base, restart: unless-stopped}
  f: {<<: *base, deploy: {restart_policy: {condition: none}}}
""",
        '"on-failure:5"',
        '"on-failure:6"',
        {"d": {"restart"}},
    ),
    "scaled with profiles": Brought(
        """
services:
  web: {<<: *base, scale: 3, labels: {a: "1"}}
  debug: {<<: *base, profiles: [debug]}
  tools: {<<: *base, profiles: [tools], deploy: {replicas: 2}}
""",
        'a: "1"',
        'a: "2"',
        {"web": {"labels.a"}},
        {},
        {".env": "COMPOSE_PROFILES=tools\n"},
    ),
    "several files and inheritance": Brought(
        """
include: [more.yaml]
services:
  web: {extends: {file: common.yaml, service: base}, image: IMAGE, environment: {B: "2"}}
""",
        'B: "2"',
        'B: "3"',
        {"web": {"environment.B"}},
        {},
        {
            "common.yaml": "services:\n  base:\n    command: sleep 1000\n    environment: {A: '1'}\n"
            "    stop_grace_period: 1s\n    labels: [common=yes]\n",
            "more.yaml": "services:\n  more: {image: IMAGE, command: sleep 1000, stop_grace_period: 1s,"
            " volumes: [more:/more]}\nvolumes: {more: }\n",
        },
    ),
    "a file of old": Brought(
        """
version: "2.4"
services:
  app: {<<: *base, mem_limit: 64m, cpu_percent: 0, network_mode: bridge, links: []}
  web:
    <<: *base
    volumes: ["data:/data"]
    depends_on: [app]
    oom_kill_disable: false
    cpu_period: 100000
    cpu_quota: 50000
volumes: {data: }
""",
        "cpu_quota: 50000",
        "cpu_quota: 60000",
        {"web": {"cpu_quota"}},
        {"web": "/data"},
    ),
}
