"""Stacks of the kind that people bring along: what each is, one thing that is changed in it, and what that moves.

`IMAGE` is a small image, `RICH` one that brings volumes, a user and much else along, `SUBNET` the beginning of a subnet
that is nobody else's, `NAME` the name of the project. What is external is called `NAME-outside`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LOOP = """
x-base: &base
  image: IMAGE
  command: ["sh", "-c", "trap 'exit 0' TERM INT; while true; do sleep 1 & wait; done"]
  stop_grace_period: 1s
x-windlass: {rollout: {monitor: 300ms}}
"""


@dataclass(frozen=True)
class Brought:
    """`old` in the file becomes `new`, by which the `fields` of each container change, by service; "" for all of one
    that is made anew without a field of its own. `data` are directories of containers, by service, what lies in which
    is to stay."""

    text: str
    old: str
    new: str
    moves: dict[str, set[str]]
    data: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def compose(self) -> str:
        return LOOP + self.text


BROUGHT: dict[str, Brought] = {
    "a plain server": Brought(
        """
services:
  web: {<<: *base, ports: ["127.0.0.1::80"], restart: unless-stopped, environment: [A=1, B=two words]}
""",
        "A=1",
        "A=2",
        {"web": {"environment.A"}},
    ),
    "networks by name and external": Brought(
        """
services:
  web: {<<: *base, networks: {front: {aliases: [www, NAME-www]}, outside: , plain: }}
  db: {<<: *base, networks: [plain]}
networks:
  front: {name: NAME-front, driver: bridge, driver_opts: {com.docker.network.bridge.name: brFREE}}
  plain:
  outside: {external: true, name: NAME-outside}
""",
        "aliases: [www, NAME-www]",
        "aliases: [www]",
        {"web": {"networks.NAME-front.aliases"}},
    ),
    "fixed addresses": Brought(
        """
services:
  web:
    <<: *base
    networks: {low: {ipv4_address: SUBNET.10, priority: 100}, high: {priority: 1000, link_local_ips: [169.254.8.8]}}
  db: {<<: *base, networks: {low: {ipv4_address: SUBNET.11}}}
networks:
  low: {ipam: {driver: default, config: [{subnet: SUBNET.0/24, ip_range: SUBNET.128/25, gateway: SUBNET.1}]}}
  high: {internal: true}
""",
        "ipv4_address: SUBNET.11",
        "ipv4_address: SUBNET.12",
        {"db": {"networks.NAME_low.ipv4_address"}},
    ),
    "shared networks": Brought(
        """
services:
  vpn: {<<: *base, cap_add: [NET_ADMIN], sysctls: [net.ipv4.ip_forward=1], expose: ["8080"]}
  torrent: {<<: *base, network_mode: "service:vpn", depends_on: [vpn]}
  monitor: {<<: *base, network_mode: host, pid: host}
  batch: {<<: *base, network_mode: none}
  usual: {<<: *base, network_mode: bridge}
  linked: {<<: *base, network_mode: bridge, links: [usual, "usual:other"]}
""",
        "cap_add: [NET_ADMIN]",
        "cap_add: [NET_ADMIN, SYS_TIME]",
        {"vpn": {"cap_add"}, "torrent": {""}},
    ),
    "kinds of volumes": Brought(
        """
services:
  db:
    <<: *base
    volumes:
      - data:/data
      - memory:/memory
      - named:/named:ro
      - outside:/outside
      - /scratch
      - ./conf:/conf:ro
      - "./state:/state"
      - {type: tmpfs, target: /fast, tmpfs: {size: 65536}}
      - {type: volume, target: /nameless}
      - {type: volume, source: data, target: /sub, read_only: true, volume: {nocopy: true}}
    tmpfs: /run:size=64k
    environment: {A: 1}
volumes:
  data:
  memory: {driver: local, driver_opts: {type: tmpfs, device: tmpfs, o: "size=1m,uid=1000"}}
  named: {name: NAME-called, labels: [keep=yes]}
  outside: {external: true, name: NAME-outside}
""",
        "{A: 1}",
        "{A: 2}",
        {"db": {"environment.A"}},
        {"db": "/data /scratch /nameless /state"},
        {"conf/app.conf": "a\n", "state/.keep": ""},
    ),
    "volumes of the image": Brought(
        """
services:
  app: {image: RICH, stop_grace_period: 1s, labels: {tier: app}}
  over: {image: RICH, stop_grace_period: 1s, volumes: ["kept:/var/lib/app"], user: "0", working_dir: /srv}
volumes: {kept: }
""",
        "tier: app",
        "tier: web",
        {"app": {"labels.tier"}},
        {"app": "/var/lib/app", "over": "/var/lib/app"},
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
    "configs and secrets": Brought(
        """
services:
  app:
    <<: *base
    configs: [plain, {source: plain, target: /etc/other.conf, mode: 0440}]
    secrets: [token, {source: token, target: /etc/token}]
    environment: {A: x}
configs: {plain: {file: ./plain.conf}}
secrets: {token: {file: ./token.txt}}
""",
        "A: x",
        "A: y",
        {"app": {"environment.A"}},
        {},
        {"plain.conf": "a = 1\n", "token.txt": "canary-of-nobody\n"},
    ),
    "configs and secrets that are no files": Brought(
        """
services:
  app: {<<: *base, configs: [plain, {source: other, target: /etc/other.conf, mode: 0440, uid: "1000", gid: "1001"}]}
  user: {<<: *base, user: "1000:1000", configs: [plain], secrets: [token, {source: token, target: /run/deep/er/t}]}
configs: {plain: {content: "a = ${A:-1}\\n"}, other: {content: one}}
secrets: {token: {environment: TOKEN}}
""",
        "content: one",
        "content: two",
        {"app": {"volumes./etc/other.conf"}},
        {},
        {".env": "TOKEN=canary-of-nobody\n"},
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
    "ports": Brought(
        """
services:
  app:
    <<: *base
    ports:
      - "127.0.0.1::80"
      - "127.0.0.2::81/udp"
      - "90-92"
      - {target: 8443, host_ip: 127.0.0.1, protocol: tcp, mode: ingress, name: secure, app_protocol: https}
      - "[::1]::82"
""",
        '"90-92"',
        '"90-91"',
        {"app": {"ports.92/tcp", "expose"}},
    ),
    "namespaces": Brought(
        """
services:
  app: {<<: *base, ipc: shareable, uts: host, cgroup: private, init: true, shm_size: 1m}
  guest: {<<: *base, ipc: "service:app", pid: "service:app"}
  strange: {<<: *base, ipc: private, runtime: runc, isolation: default, platform: linux/amd64}
  reader: {<<: *base, volumes_from: ["keeper:ro"]}
  keeper: {<<: *base, volumes: [/kept]}
""",
        "shm_size: 1m",
        "shm_size: 2m",
        {"app": {"shm_size"}, "guest": {""}},
        {"keeper": "/kept"},
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
    "made for development": Brought(
        """
services:
  app:
    <<: *base
    pull_policy: missing
    develop: {watch: [{action: sync, path: ./src, target: /src}]}
    volumes: ["./src:/src", "cache:/cache:z", "~/NAME-home:/home-of:ro"]
    stdin_open: true
    labels: {com.example.description: "An app: with a colon, and a #"}
volumes: {cache: {}}
""",
        "An app:",
        "Another app:",
        {"app": {"labels.com.example.description"}},
        {"app": "/cache /src"},
        {"src/main.py": "print()\n"},
    ),
    "binds in the long form": Brought(
        """
services:
  app:
    <<: *base
    volumes:
      - {type: bind, source: ., target: /all, read_only: true}
      - {type: bind, source: ./made, target: /made, bind: {create_host_path: true, selinux: z}}
      - {type: bind, source: ./there/file.txt, target: /file.txt, read_only: true, consistency: cached}
      - {type: bind, source: /etc/hosts, target: /etc/hosts-of, read_only: true}
      - /etc/hostname:/etc/host-of:ro
      - ../project/there:/above:rw
    environment: {A: "1"}
""",
        'A: "1"',
        'A: "2"',
        {"app": {"environment.A"}},
        {"app": "/made"},
        {"there/file.txt": "x\n", "made/.keep": ""},
    ),
    "networks with options": Brought(
        """
services:
  app: {<<: *base, networks: [six, open]}
networks:
  six: {enable_ipv6: true, ipam: {config: [{subnet: SUBNET.0/24}, {subnet: "fd00:SIX::/64", gateway: "fd00:SIX::1"}]}}
  open: {attachable: true, labels: [team=net], driver_opts: {com.docker.network.driver.mtu: 1400}}
  unused: {driver: bridge}
""",
        "mtu: 1400",
        "mtu: 1300",
        {"app": {""}},
    ),
    "the default network": Brought(
        """
services:
  app: {<<: *base, networks: {default: {aliases: [site]}}}
  db: {<<: *base, networks: [default]}
networks: {default: {name: NAME-net, driver: bridge, ipam: {config: [{subnet: SUBNET.0/25}]}}}
""",
        "aliases: [site]",
        "aliases: [site, more]",
        {"app": {"networks.NAME-net.aliases"}},
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
