"""What has to hold for every input of the loader. Whatever does not is raised as `Wrong`."""

from __future__ import annotations

import json
import posixpath
import re
import resource
import signal
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import FrameType
from typing import Any, Final, NamedTuple

from agent.cli.frame import json_text
from agent.cli.yaml_text import yaml_text
from agent.compose import Project, load, render
from agent.compose.admit import admit
from agent.compose.bindings import Target
from agent.compose.calls import engine_calls
from agent.compose.documents import MAX_BYTES
from agent.compose.resources import resources
from agent.errors import BadManifest
from agent.model import Problem
from script.fuzzing import words
from script.fuzzing.cases import BASE, Case, MemoryTree

SECONDS: Final = 60.0  # of the processor, for all that is done with one input, traced: some four times a load
MEMORY: Final = 1 << 30  # bytes that one input may add
_LONGEST: Final = 4000  # characters of one problem
_LONGEST_KEY: Final = 1000  # characters; where YAML has a mapping on one line, it looks no further for the colon
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_TARGET: Final = Target("/srv/base", "/srv/files", key=b"k", allow_build=True)


class Wrong(Exception):  # noqa: N818 - says what the outcome is
    """What must not happen. `kind` is short, and the same for the same fault."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
        self.detail = detail


class Outcome(NamedTuple):
    """`what` came of an input: "loaded", or the reason of its refusal. `seconds` are of the processor."""

    what: str
    seconds: float
    problems: int = 0


def check(case: Case, seconds: float = SECONDS) -> Outcome:
    """Loads, renders and translates the case, in so many seconds of the processor. Raises `Wrong`."""
    began = time.process_time()
    try:
        with _bounded(seconds):
            what, problems = _outcome(case)
    except Wrong:
        raise
    except MemoryError as error:
        raise Wrong("takes too much memory") from error
    except Exception as error:
        raise Wrong(f"{type(error).__name__} at {_innermost(error)}", traceback.format_exc()[-3000:]) from error
    return Outcome(what, time.process_time() - began, problems)


def _outcome(case: Case) -> tuple[str, int]:
    tree = MemoryTree(case)
    try:
        project = load(tree, case.load_options, admit)
    except BadManifest as error:
        _look(error.problems, case)
        if not error.problems:
            raise Wrong("refused without a problem") from error
        return f"refused: {error.reason}", len(error.problems)
    _look(project.warnings, case)
    base = posixpath.normpath(posixpath.join(BASE, project.directory))
    model = render(project, base)
    _refuse_process(model)
    _idempotent(case, project, model, base)
    engine_calls(project, base)
    try:
        resources(project, tree, _TARGET)
    except BadManifest as error:
        _look(error.problems, case)
        return "loaded, not admitted", len(error.problems)
    return "loaded", 0


def _look(problems: Iterable[Problem], case: Case) -> None:
    """Whether each has a place that there is, no secret, and nothing that a terminal would act upon."""
    for problem in problems:
        text = str(problem)
        if words.CANARY in text or words.OS_CANARY in text:
            raise Wrong("a secret in a message", re.sub(r"[\w${}-]{9,}", "…", problem.message)[:200])
        if len(text) > _LONGEST:
            raise Wrong("a message without an end", text[:300])
        if _CONTROL.search(problem.message + problem.hint + problem.path):
            raise Wrong("a control character in a message", ascii(text)[:300])
        file, line, column = problem.place
        lines = _lines(case.files.get(file, b""))
        if not file or not 1 <= line <= lines + 1 or column < 1:
            raise Wrong("a place that is not there", ascii(text)[:300])


@lru_cache(maxsize=8)
def _lines(content: bytes) -> int:
    """As YAML counts them."""
    return 1 + len(re.findall("\r\n|[\r\n\x85\u2028\u2029]", content.decode(errors="replace")))


def _refuse_process(model: Any) -> None:
    if words.OS_CANARY in json.dumps(model):
        raise Wrong("a variable of the process in the model")


def _idempotent(case: Case, project: Project, model: dict[str, Any], base: str) -> None:
    """The rendered model is a Compose file that renders to the same, written as YAML or as JSON.

    But for what Compose itself prints so that it means something else, which is printed so here too.
    """
    directory = case.options.get("project_directory") or project.directory
    if not _says_all(model) or directory.startswith(".."):
        return
    path = f"{directory}/rendered.yaml" if directory else "rendered.yaml"
    environment = dict(project.environment)
    for name in ("COMPOSE_PROJECT_NAME", "COMPOSE_ENV_FILES"):  # what the options of the case stood above
        environment.pop(name, None)
    options = {
        **case.options, "files": [path], "project_directory": directory, "project_name": project.name,
        "environment": environment | {"COMPOSE_DISABLE_ENV_FILE": "true"}, "env_files": [], "root": BASE,
    }  # fmt: skip
    for form, text in (("YAML", yaml_text(model)), ("JSON", json_text(model))):
        too_long = form == "JSON" and _longest_key(model) > _LONGEST_KEY
        if too_long or len(text.encode(errors="replace")) > MAX_BYTES:
            continue
        again = Case({**case.files, path: text.encode()}, options, case.links)
        try:
            second = render(load(MemoryTree(again), again.load_options), base)
        except BadManifest as error:
            kind = f"what is rendered as {form} is refused for {_step(error.problems[0].path)}"
            raise Wrong(kind, str(error)[:500]) from error
        if second != model:
            differences = list(_differences(model, second))
            kind = f"what is rendered as {form} renders to another {_step(differences[0].partition(': ')[0])}"
            raise Wrong(kind, "\n".join(differences))


def _step(path: str) -> str:
    """The last two steps of a path, which tell one fault from another."""
    return ".".join(re.sub(r"\[\d+\]", "", path).split(".")[-2:])[:60]


def _says_all(model: dict[str, Any]) -> bool:
    """Not where something is called nothing, a config holds nothing, a Dockerfile is nowhere or an ulimit is zero: an
    empty text and a zero are not printed. Nor where a service may do without one that is off, which is not either."""
    stores = [one for section in ("secrets", "configs") for one in model.get(section, {}).values()]
    named = [one for section in ("networks", "volumes") for one in model.get(section, {}).values()]
    builds = [service["build"] for service in model["services"].values() if "build" in service]
    limits = [
        limit
        for holder in [*model["services"].values(), *builds]
        for limit in holder.get("ulimits", {}).values()
        if isinstance(limit, dict)
    ]
    return (
        all(other in model["services"] for one in model["services"].values() for other in one.get("depends_on", {}))
        and all("soft" in limit and "hard" in limit for limit in limits)
        and all("name" in one for one in [*stores, *named])
        and all({"file", "environment", "content", "external"} & one.keys() for one in stores)
        and all({"dockerfile", "dockerfile_inline"} & build.keys() for build in builds)
    )


def _longest_key(value: Any) -> int:
    if isinstance(value, dict):
        return max((max(len(key), _longest_key(one)) for key, one in value.items()), default=0)
    return max(map(_longest_key, value), default=0) if isinstance(value, list) else 0


def _differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({**one, **other}):
            yield from _differences(one.get(key, "(none)"), other.get(key, "(none)"), f"{path}.{key}")
    elif one != other:
        yield f"{path}: {one!r} became {other!r}"[:300]


def _innermost(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename.rpartition('/')[2]}:{frame.name}"


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Ends what takes too long by `Wrong`, and what takes too much memory by MemoryError."""
    before = signal.signal(signal.SIGPROF, _too_slow)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    limit = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MEMORY, limit[1]))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, limit)
        signal.signal(signal.SIGPROF, before)


def _address_space() -> int:
    with open("/proc/self/statm") as file:  # noqa: PTH123 - asked for each input
        return int(file.read().split()[0]) * resource.getpagesize()


def _too_slow(_number: int, _frame: FrameType | None) -> None:
    raise Wrong("takes too long")
