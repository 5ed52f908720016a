"""What the engine adds to a network of its own accord: the defaults that its daemon has for each driver, such as an MTU
(`default-network-opts`), which it publishes nowhere.

They are read off a network that has just been made, and noted on it, so that they are told from what somebody's hand
has changed. A label can only be given to what is made: where something was added, the network is made once more with
it, before anything is on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from agent.kinds.base import PREFIX, Report, label_text

SINCE: Final = (1, 43)  # the API since which a daemon may have such defaults
ADDED: Final = f"{PREFIX}added"  # the label
# Options that newer engines note on a network by themselves, whatever the daemon says.
NOTED: Final = frozenset(
    {
        "com.docker.network.enable_ipv4",
        "com.docker.network.enable_ipv6",
        "com.docker.network.driver.overlay.vxlanid_list",
    }
)
FLAGS: Final = {"EnableIPv6": False, "EnableIPv4": True}  # and how they are where nobody says


def added(asked: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """What one that was just made has and was not asked for."""
    options = options_beyond(asked, report)
    flags = {at: report[at] for at, usual in FLAGS.items() if asked.get(at) is None and report.get(at, usual) != usual}
    return {**flags, **({"Options": options} if options else {})}


def options_beyond(asked: Mapping[str, Any], report: Report) -> dict[str, str]:
    named = asked.get("Options") or {}
    found = report.get("Options") or {}
    return {key: str(value) for key, value in found.items() if key not in named and key not in NOTED}


def noted(report: Report) -> dict[str, Any]:
    """What was added when it was made, as its label says."""
    try:
        found = json.loads((report.get("Labels") or {}).get(ADDED, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def with_note(body: Mapping[str, Any], what: Mapping[str, Any]) -> dict[str, Any]:
    return {**body, "Labels": {**(body.get("Labels") or {}), ADDED: label_text(what)}}
