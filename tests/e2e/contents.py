"""What more than one test pushes."""

from __future__ import annotations


def compose(image: str, message: str = "one", extra: str = "") -> str:
    return f"""\
services:
  web:
    image: {image}
    environment:
      MESSAGE: {message}
    restart: unless-stopped
    networks: [back]
{extra}
networks:
  back:
x-windlass: {{rollout: {{monitor: 300ms}}}}
"""


def ends_when_told(image: str, message: str, grace: str) -> str:
    """A service that has ended so many seconds after it was asked to, or when there is a file."""
    script = "trap 'until [ -e /tmp/go ]; do sleep 0.1; done; exit 0' TERM; while :; do sleep 0.1; done"
    return f"""\
services:
  web:
    image: {image}
    command: [sh, -c, "{script}"]
    labels: {{message: {message}}}
    stop_grace_period: {grace}
x-windlass: {{rollout: {{monitor: 300ms}}}}
"""


def two_services(image: str, message: str = "one") -> str:
    service = f"{{image: {image}, restart: unless-stopped, stop_grace_period: 0s, environment: {{MESSAGE: {message}}}}}"
    return f"services:\n  web: {service}\n  api: {service}\n"
