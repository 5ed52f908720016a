"""What is rendered is itself a Compose file, and renders to itself."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.compose.schema import DOCUMENT, SERVICE_FIELDS
from script.fuzzing.cases import Case, corpus, made_up, written
from script.fuzzing.check import check
from script.fuzzing.grammar import Grammar
from tests.interop.corpus import CORPUS


@given(st.randoms(use_true_random=False))
def test_a_made_up_project_renders_to_what_renders_to_itself(random: Random) -> None:
    check(made_up(random, wild=0))


@given(st.randoms(use_true_random=False))
def test_so_does_one_with_mistakes_in_it_if_it_is_loaded(random: Random) -> None:
    check(made_up(random, wild=0.05))


@pytest.mark.parametrize("key", list(SERVICE_FIELDS))
def test_every_key_of_a_service_comes_through(key: str) -> None:
    """Of twenty values that are made up for it, at least one is loaded."""
    outcomes = set()
    for seed in range(20):
        grammar = Grammar(Random(seed))
        service = {"image": "x", key: grammar.of_field(key, SERVICE_FIELDS[key], 1)}
        if key in ("depends_on", "links", "volumes_from", "extends"):
            service[key] = {"b": {"condition": "service_started"}} if key == "depends_on" else ["b"]
        if key == "extends":
            service[key] = "b"
        if key in ("network_mode", "ipc", "pid"):
            service[key] = "service:b"
        others = {section: dict.fromkeys(names) for section, names in grammar.names.items()}
        others |= {"secrets": {name: {"file": "f"} for name in grammar.names["secrets"]}}
        others |= {"configs": {name: {"content": "c"} for name in grammar.names["configs"]}}
        document = {**others, "services": {"a": service, "b": {"image": "x"}}, "models": {"llm": {"model": "m"}}}
        files = {"compose.yaml": written(document, Random(seed)), "a.env": b"A=1", "b.env": b"", "labels.env": b"L=1"}
        outcomes.add(check(Case(files, {"project_name": "p", "environment": {"HOME": "/h", "B": "b"}})).what)
    assert outcomes & {"loaded", "loaded, not admitted"}


def test_the_made_up_projects_hold_every_section() -> None:
    document = Grammar(Random(1)).document()
    assert set(DOCUMENT.made_of) - {"version", "name", "include", "x-windlass"} <= set(document)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of Compose files is not here")
@pytest.mark.parametrize("folder", ["valid", "newer", "invalid"])
def test_so_does_every_case_that_was_collected(folder: str) -> None:
    outcomes = [check(case, seconds=600).what for case in corpus(CORPUS / folder)]
    loaded = sum(what.startswith("loaded") for what in outcomes)
    assert loaded > 0.9 * len(outcomes) or folder == "invalid"
