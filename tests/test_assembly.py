"""The concrete parts, without an engine: which settings hold, and what is said of what may not be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.assembly import Assembly
from agent.cli.errors import Exit, NoAgent, exit_code
from agent.errors import BadManifest, BadSettings, Refused
from agent.target import Target
from tests.nobody import as_nobody


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A stack that takes its image from a variable which only the settings know."""
    file = tmp_path / "web" / "compose.yaml"
    file.parent.mkdir()
    file.write_text("services:\n  web:\n    image: ${IMAGE:?}\n")
    return file.parent


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return written(tmp_path / "etc" / "agent.yaml", "usual:1")


def written(file: Path, image: str) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"variables:\n  IMAGE: {image}\n")
    return file


def image_of(assembly: Assembly, stack: Path, config: Path | None = None) -> str:
    image: str = assembly.render(Target(stack, config=config)).documents["web"]["services"]["web"]["image"]
    return image


def assembly_with(settings: Path) -> Assembly:
    return Assembly({}, os.getuid(), settings)


def test_the_usual_file_is_read_where_it_is(settings: Path, stack: Path) -> None:
    assert image_of(assembly_with(settings), stack) == "usual:1"


def test_a_file_that_is_named_stands_in_its_place(settings: Path, stack: Path, tmp_path: Path) -> None:
    named = written(tmp_path / "other.yaml", "named:1")
    assert image_of(assembly_with(settings), stack, named) == "named:1"
    with pytest.raises(BadManifest):
        image_of(assembly_with(settings), stack, Path(os.devnull))


@pytest.mark.parametrize("path", ["nosuch.yaml", "nosuch/agent.yaml", "web/compose.yaml/agent.yaml"])
def test_where_there_is_none_nothing_is_set(path: str, stack: Path, tmp_path: Path) -> None:
    with pytest.raises(BadManifest):
        image_of(assembly_with(tmp_path / path), stack)


@pytest.mark.parametrize("hidden", ["agent.yaml", "."], ids=["the file", "its directory"])
def test_one_that_may_not_be_read_is_told_and_not_passed_over(settings: Path, stack: Path, hidden: str) -> None:
    """To go on without it would be to plan as another instance, with other variables."""
    shut = settings.parent / hidden
    shut.chmod(0)
    try:
        with as_nobody(), pytest.raises(BadSettings, match=r"agent.yaml: cannot be read: Permission denied: .*sudo"):
            image_of(assembly_with(settings), stack)
    finally:
        shut.chmod(0o700)


def test_whoever_names_the_state_directory_needs_no_settings(settings: Path, tmp_path: Path) -> None:
    settings.write_text("nonsense: [")
    with pytest.raises(NoAgent):
        assembly_with(settings).records(Target(state_dir=tmp_path))
    with pytest.raises(BadSettings):
        assembly_with(settings).records(Target())


@pytest.mark.parametrize("hidden", ["state", "state/state.db"], ids=["the directory", "the file"])
def test_records_that_one_may_not_read_are_told_with_what_to_do(tmp_path: Path, hidden: str) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "state.db").write_bytes(b"")
    tmp_path.chmod(0o755)
    (tmp_path / hidden).chmod(0)
    target = Target(state_dir=state)
    try:
        with as_nobody(), pytest.raises(Refused, match=r"state.db cannot be read: Permission denied: .*sudo") as caught:
            assembly_with(tmp_path / "nosuch").records(target)
    finally:
        (tmp_path / hidden).chmod(0o700)
    assert caught.value.reason == "StateReadFailed"
    assert exit_code(caught.value) is Exit.FAILED


def test_records_that_cannot_be_read_for_another_reason(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    with pytest.raises(Refused, match=r"state.db cannot be read: Is a directory$"):
        assembly_with(tmp_path / "nosuch").records(Target(state_dir=tmp_path))
