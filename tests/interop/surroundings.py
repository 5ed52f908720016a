"""Stacks for what their networks, ports, namespaces, volumes and files are."""

from __future__ import annotations

from tests.interop.brought import Brought

SURROUNDINGS: dict[str, Brought] = {
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
}
