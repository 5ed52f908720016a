"""The texts that made-up and changed files are made of: right ones for each key, and what parsers stumble over."""

from __future__ import annotations

from typing import Final

# Values of variables with names of secrets: no message may show them. They hold what makes a template malformed.
CANARY: Final = "zzq-canary-5f2a"
SECRET_NAME: Final = "DB_PASSWORD"
OS_CANARY: Final = "zzq-process-7b1c"  # in the environment of the process, where no load may find it
OS_NAME: Final = "WINDLASS_FUZZ_CANARY"

NAMES: Final = {
    "services": ("a", "b", "web", "x-y", "d.b"),
    "networks": ("default", "front", "back"),
    "volumes": ("data", "cache"),
    "secrets": ("token", "cert"),
    "configs": ("conf", "page"),
    "models": ("llm",),
}

KEYS: Final = (
    "a",
    "A",
    "KEY",
    "web",
    "x-k",
    "k.1",
    "k-2",
    "DB_PASSWORD",
    "image",
    "default",
    "1",
    "$$K",
    "ü",
    "a b",
    "",
)
VARIABLES: Final = ("A", "B", "NAME", "DB_PASSWORD", "API_TOKEN", "lower", "X1", "with.dot", "UNSET")

TEXTS: Final = (
    "x", "", " ", "text", "two words", "a:b", "a=b", "$A", "${A}", "${UNSET:-d}", "${UNSET-}", "${A:+y}", "${B:?m}",
    "$$", "$$A", "$", "${NAME:-${A:-${B}}}", f"${SECRET_NAME}", f"${{{SECRET_NAME}:-x}}", "1", "0755", "0o17", "0x1F",
    "1e3", "1_000", "yes", "no", "on", "true", "null", "~", "22:22", "2001-01-01", "08", ".5", "1.", "-0.0", ".inf",
    ".nan", "=", "<<", "#x", "x #y", "- x", "? x", "&a", "*a", "!x", "%x", "@x", "`x`", "{x}", "[x]", "'x'", '"x"',
    "a\nb", "a\n", "\n", "\ttab", "trailing ", "é", "日本", "\u202eabc", "\u2028", "\ufeff", "😀", "\x7f", "\x85",
    "\\n",
    "/abs/path", "./rel", "../up", "~", "~/home", "C:\\win", "service:a", "container:x", "10s", "1m30s", "64m",
    "1.5g",
    "a" * 300, "9" * 400, "-", "--", "---", "...", "|", ">", "a, b", "a: b",
)  # fmt: skip

# Plain scalars, of which YAML makes something else than a text.
SCALARS: Final = (
    "yes", "no", "on", "0755", "0o755", "0x1F", "0b11", "1_000", "+12", "08", "22:22", "2001-01-01", "1e3", "1.10",
    ".5",
    "-0.0", "1000000.0", "12345678901234567890", "9" * 30, "9" * 5000, "=", "<<", "~", ".inf", ".nan",
    "2001-12-14t21:59:43Z",
    "!!str 5", "!!int '5'", "!!binary aGk=", "!foo bar", "!reset x", "!override [x]", "!reset null",
    "!!python/name:os.system x",
)  # fmt: skip

# What is put in at any point of a file.
SNIPPETS: Final = (
    b"\0", b"\xff", b"\xc3\x28", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\t", b"\n---\n", b"\n...\n", b"&a ", b"*a",
    b"<<: *a\n",
    b"{", b"}", b"[", b"]", b"- ", b": ", b"? ", b"| ", b"> ", b"!reset ", b"!override ", b"!!binary ",
    b"%YAML 1.1\n", b"#",
    b"'", b'"', b"\\", b"${", b"$", b"${A:-", b"}", b"\xe2\x80\xae", b"\xe2\x80\xa8", b"\xf0\x9f\x98\x80", b"[" * 70,
    b"{a: " * 70, b"- " * 70, b"9" * 5000, b"a" * 2000, b"\\0", b"\\ud800", b"\\x00", b"!<tag:yaml.org,2002:str> ",
    b"1-60000",
    b"x-", b"services:", b"\n  ", b"${" * 40, b"${A:-" * 40, b"/dev/null", b"../", b"://", b"@", b"%2e%2e/",
)  # fmt: skip

DURATIONS: Final = ("10s", "1m30s", "500ms", "1h0m0s", "1.5h", "2d", "1w", "0s", "0", "1µs", "-5s")
SIZES: Final = ("64m", "1.5g", "1 KiB", "100", 1024, "0", "8kb", "${SIZE:-5m}")

BY_KIND: Final = {
    "a duration": DURATIONS,
    "a size": SIZES,
    "a whole number or a size": SIZES,
    "a number": (0.5, "1.5", 2, "${CPUS:-5.7}", 0),
    "a whole number": (1, 2, 0),
    "a number or a mapping": (5, "6"),
    "a port number": (80, "443"),
    "a port number or range": ("80", 90, "100-200", ""),
    'a whole number or "all"': ("all", 1, "2"),
    "a whole number or a string": (0o440, "0440", "444"),
    "a string or a boolean": (True, "mode=max"),
}

# Keys of a service that cannot stand beside others.
EXCLUDING: Final = {
    "network_mode": ("networks", "links", "mac_address"),
    "scale": ("container_name", "deploy"),
    "deploy": ("container_name", "cpus", "mem_limit", "mem_reservation", "pids_limit"),
    "volumes": ("tmpfs",),
}

# Keys whose values are no free texts.
STRICT: Final = (
    "env_file",
    "env_file in short",
    "label_file",
    "volumes in short",
    "devices in short",
    "host_ip",
    "condition",
    "memory",
    "pull_policy",
)

PATHS: Final = ("env_file", "label_file", "path", "file", "context", "dockerfile", "device")

BY_KEY: Final = {
    "image": ("nginx", "x:1", "reg.example/a/b@sha256:" + "0" * 64, "${IMAGE:-x}", "Bad Image"),
    "condition": ("any", "none", "on-failure", "service_started"),
    "type": ("bind", "volume", "tmpfs", "image"),
    "source": ("data", "./rel", "/abs", "cache", "../up", "~/h"),
    "target": ("/t", "/t/", "/u", "rel", "80"),
    "volumes in short": (
        "data:/d",
        "./rel:/r:ro",
        "/abs:/abs",
        "cache:/c:nocopy",
        "/anon",
        "../up:/u:z,ro",
        "~/h:/h",
        "v:/v",
        "./f:/f:rshared",
        "a.env:/e",
        "${V:-data}:/v",
    ),
    "env_file": ("a.env", "a.env", "./a.env", "b.env"),
    "env_file in short": ("a.env", "a.env", "b.env", "missing.env", "../x", "/etc/passwd", "link.env"),
    "label_file": ("labels.env", "a.env"),
    "path": ("a.env", "./rel"),
    "test": ("CMD", "CMD-SHELL"),
    "mode": ("host",),
    "memory": ("64m", "1g"),
    "pull_refresh_after": ("12h",),
    "restart": ("always", "no", "on-failure:3", "unless-stopped"),
    "devices in short": ("/dev/a", "/dev/a:/dev/b:r", "vendor.com/gpu=0"),
    "tmpfs": ("/run", "/tmp:size=5m,mode=1777"),
    "subnet": ("10.0.0.0/8", "fd00::/64"),
    "expose": ("80", "90-91/udp"),
    "container_name": ("c1", "c2", "${NAME:-c3}"),
    "build in short": (".", "./rel", "https://example.com/r.git#main:dir"),
    "context": (".", "./rel", "https://example.com/r.git", "service:a"),
    "ssh": ("default",),
    "pull_policy": ("always", "daily", "every_12h", "if_not_present"),
    "platform": ("linux/amd64", "linux/arm64/v8"),
    "user": ("1000:1000", "root"),
    "profiles": ("p", "q"),
    "environment": ("A", "DB_PASSWORD"),
    "content": ("text ${A}\nmore", "$$x"),
    "host_ip": ("127.0.0.1", "::1"),
    "mac_address": ("02:42:ac:11:65:43",),
    "ipv4_address": ("172.16.238.10",),
    "ipv6_address": ("2001:3984:3989::10",),
    "cpuset": ("0-1",),
    "device": ("/abs", "rel", "tmpfs"),
    "o": ("bind", "size=1"),
    "network_mode": ("host", "none", "bridge", "service:a", "container:x"),
    "security_opt": (
        "no-new-privileges:true",
        "seccomp=unconfined",
        "label:user:x",
        "seccomp:profile.json",
        "apparmor=x",
    ),
    "cap_add": ("NET_ADMIN", "ALL", "cap_sys_time"),
    "gateway": ("10.0.0.1",),
    "networks": ("front", "back"),
    "links": ("a", "a:alias", "b:x"),
    "volumes_from": ("a", "a:ro", "container:c"),
    "pid": ("host", "service:a", "container:x"),
    "ipc": ("host", "shareable", "service:a"),
}

PORTS: Final = (
    "80",
    "8080:80",
    "127.0.0.1:90:90/udp",
    "1000-1002:2000-2002",
    "9000-9001:80",
    443,
    "[::1]:5:5",
    "${P:-7}:8",
)
HOSTS: Final = ("h=10.0.0.1", "h:10.0.0.2", "h6:::1", "h=[::1]", "host-gateway.internal=host-gateway")
COMMANDS: Final = ("echo hi", "sh -c 'a b'", 'x "y z" \\$$HOME', "a && b", "", "${CMD:-run} $$x")

ENV_FILES: Final = (
    b"A=1\nB=two words\n",
    b"export C='x'\nD=\"a\\nb $A\"\n",
    b"A: 1\nB",
    b"",
    b"# c\nX=${A:-d} # e\n",
    b"A=$DB_PASSWORD\n",
    b'U=\xc3\xbc\nV="multi\nline"\n',
    b"1A=x\nB='$A'\n",
    b'A=a\\tb\nB="\\$A"\n',
)
BAD_ENV_FILES: Final = (b"BAD LINE=1", b"Q='open", b"A=${A", b"API_TOKEN=pa${word\n", b"A=\0", b"\xff=1", b"A!=1")
