"""The kinds of objects that a host holds: how each is seen, compared, made, changed and removed.

A kind is the class in the module of its name; the modules whose names begin with that are its parts. What several kinds
share has no such name: `base`, `table`, `taken`, `namesakes`. Of a container:

- which there are: `view`, with `astray` (renamed by hand), `strays` (not wanted), `survivors` (processes of one that
  is gone), `ports` (who else holds a port) and `cut` (left by a replacement that was cut);
- held against what is wanted: `compare`, by the table in `fields`, made of `rows`, `facts`, `networks` and
  `mounts`, with what is `around` it, its `images`, what Compose `injected` into it, and what it was `mended` to since
  it was made;
- how it fares: `report` (questions to the engine's report), `state`, `proof`, and its last `words`;
- how it is changed: in place (`limits`, `networks`), or replaced (`rollout`); on networks that share their name
  (`namesakes`), and with the labels by which `docker compose` knows it (`compose`);
- what runs beside it: `hooks`, as `noted` on it, and those that a cut start left `unhooked`; containers that run `once`
  for each content (`run`), and those with a schedule (`job`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from agent.engine import Engine, PullProgress
from agent.jsonfile import JsonFile
from agent.kinds.base import Identity, Kind
from agent.kinds.container import ContainerKind
from agent.kinds.file import FileKind
from agent.kinds.image import ImageKind
from agent.kinds.image_last_pulls import LastPulls
from agent.kinds.image_prune import Kept, Pruning
from agent.kinds.image_rules import ImageRules
from agent.kinds.network import NetworkKind
from agent.kinds.volume import VolumeKind
from agent.stand_ins import never

__all__ = ["VOLUMES", "ImageRules", "Kept", "make_kinds"]

RUNS = "runs.json"  # in the state directory: which content what runs once has been run for
STARTED = "started.json"  # and which containers were started and have not had what is to run after that
HOOKS = "hooks.json"  # and what the commands around a container's life are given as their environment
MENDED = "mended.json"  # and, of each that was changed in place or adopted, which fingerprint and revision it matches
NETWORKS = "networks.json"  # and which networks of docker compose were taken over
VOLUMES = "volumes.json"  # and which volumes of docker compose were
PULLS = "pulls.json"  # in the state directory: when what has a pull policy was pulled
PULLED = "pulled.json"  # and which images were pulled that may go once nobody needs them


def make_kinds(
    engine: Engine,
    identity: Identity,
    state_dir: Path,
    secrets_dir: Path,
    *,
    on_pull: Callable[[PullProgress], None],
    stop: Callable[[str], bool],
    ending: Callable[[], bool] = never,
    rules: ImageRules | None = None,
    kept: Kept | None = None,
    wall: Callable[[], float] = time.time,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Kind, ...]:
    """Every kind, for one host, what is used before what uses it: of one object, the later report counts.

    `stop` says of an image when its pull is to be given up, and `ending` that nobody can wait any more. With `kept`
    (see `Pruning`) images that were pulled are removed once nobody needs them. A new kind is one more line here.
    """
    pruning = Pruning(engine, JsonFile(state_dir / PULLED), kept) if kept else None
    last_pulls = LastPulls(state_dir / PULLS)
    containers = ContainerKind(
        engine,
        identity,
        JsonFile(state_dir / RUNS),
        started=JsonFile(state_dir / STARTED),
        environments=JsonFile(state_dir / HOOKS, private=True),
        mended=JsonFile(state_dir / MENDED),
        ending=ending,
    )
    return (
        ImageKind(engine, on_pull, stop, rules=rules, last_pulls=last_pulls, pruning=pruning, wall=wall, clock=clock),
        NetworkKind(engine, identity, taken=JsonFile(state_dir / NETWORKS)),
        VolumeKind(engine, identity, taken=JsonFile(state_dir / VOLUMES)),
        containers,
        FileKind(state_dir, secrets=secrets_dir),
    )
