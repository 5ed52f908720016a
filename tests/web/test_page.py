"""The page: read with a parser, as a browser would, for structure, for escaping and for colours one can see."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agent.web.page
from agent.model import Failure, Health, Place, Problem, Revision
from agent.telemetry.overview import Overview, SourceStatus, Sync
from agent.web.page import HEALTH_BADGES, SYNC_BADGES, Page, ago, moment, span
from tests.telemetry.made import BROKEN, OLDER, UNREACHABLE, change, did, done, failed, report
from tests.web.conftest import Site

STYLE = Path(agent.web.page.__file__).parent / "static" / "style.css"
VOID = {"meta", "link"}


class Parsed(HTMLParser):
    """The elements in their order with their attributes, and the text; fails on what is not closed in order."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(document)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


PAGE = Page()


def page_of(overview: Overview) -> Parsed:
    return Parsed(PAGE.render(overview, 10_000.0))


def full() -> Overview:
    overview = Overview(host="edge-01", version="0.1.0", started=9000.0, source=SourceStatus("https://h/a.git", "main"))
    overview = overview.with_source(Revision("a" * 40, "bump", "anna"), None, at=9959.0, next_at=10_019.0)
    return (
        overview.with_engine("20.10.24", "1.41")
        .with_report(did(done(change())))
        .with_report(failed(BROKEN, stack="db"))
        .with_report(report(stack="jobs", synced=False, health=Health.PROGRESSING))
    )


def test_it_says_how_things_are() -> None:
    text = re.sub(r"\s+", " ", page_of(full()).text)
    for expected in (
        "3 stacks: 1 synced, 1 healthy",
        "✔ synced",
        "! out of sync",
        "… progressing",
        "? unknown",
        "applied in 2.0 s",
        "1 hour ago",
        "41 s ago, next in 19 s",
        "20.10.24 (API 1.41)",
        'web/compose.yaml:7:5 services.web: unknown key "restrat", did you mean "restart"?',
    ):
        assert expected in text


def test_it_says_which_commit_brought_a_stack_what_it_has() -> None:
    overview = Overview().with_report(did(done(change(commit=OLDER)))).with_report(report(stack="db"))
    text = re.sub(r"\s+", " ", page_of(overview).text)
    assert text.count("changed by") == 1
    assert "changed by 31c09de first (bert)" in text


def test_it_shows_what_this_instance_made_from_another_source() -> None:
    text = re.sub(r"\s+", " ", page_of(full().with_elsewhere(["old", "app"])).text)
    assert "! of another source app, old" in text
    assert "Made by this instance from another source" in text
    assert "docker compose -p STACK down" in text
    assert "another source" not in page_of(full()).text


def test_the_last_words_of_a_container_stand_on_their_lines() -> None:
    said = "did not stay up: exit code 1\nno database\n\x1b[1mgiving up"
    page = page_of(Overview().with_report(failed(Failure("CrashOnStart", said))))
    assert "did not stay up: exit code 1\nno database\n�[1mgiving up" in page.text


def test_what_is_held_is_not_said_to_have_failed_and_hides_nothing_that_has() -> None:
    held = report(synced=False, waits=True, failure=Failure("Protected", "container/a-web-1: is under protection"))
    text = re.sub(r"\s+", " ", page_of(Overview().with_report(held)).text)
    assert "! held Stack web: Protected" in text
    assert "failed" not in text
    both = Overview().with_report(held).with_report(failed(Failure("CrashOnStart", "did not stay up"), stack="z"))
    text = re.sub(r"\s+", " ", page_of(both).text)
    assert "✗ failed Stack z: CrashOnStart" in text
    assert "Protected" not in text


def test_it_is_built_for_every_reader() -> None:
    page = page_of(full())
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("table")) == len(page.all("caption")) == len(page.all("h1")) == len(page.all("main")) == 1
    assert [cell.get("scope") for cell in page.all("th")] == ["col"] * 7 + ["row"] * 3
    assert all(time["datetime"] for time in page.all("time"))
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    skip = page.all("a")[0]["href"]
    assert skip
    assert skip[1:] in [attributes.get("id") for _, attributes in page.elements]


def test_nothing_runs_and_nothing_comes_from_elsewhere() -> None:
    page = page_of(full())
    names = {name for name, _ in page.elements}
    assert not names & {"script", "style", "img", "iframe", "object", "form", "base"}
    attributes = {name: value for _, each in page.elements for name, value in each.items()}
    assert not [name for name in attributes if name.startswith("on") or name in {"style", "src"}]
    assert [link["href"] for link in page.all("link")] == ["/static/style.css"]


POISON = st.sampled_from(
    [
        *["<script>alert(1)</script>", '"><svg onload=alert(1)>', "</script>", "javascript:alert(1)", "{{ 7 * 7 }}"],
        *["\x1b[31mred", "\u202egnp.exe", "' onmouseover='x", "<!--", "]]>", "&lt;b&gt;", "\r\n", "\ud800"],
    ]
) | st.text(alphabet=st.characters(), max_size=20)


@given(POISON, POISON)
@settings(deadline=None, max_examples=60)
def test_text_from_outside_stays_text(one: str, other: str) -> None:
    clean, poisoned = (_spoken(*texts) for texts in (("a", "b"), (one, other)))
    assert [name for name, _ in poisoned.elements] == [name for name, _ in clean.elements]
    assert [sorted(attributes) for _, attributes in poisoned.elements] == [sorted(each) for _, each in clean.elements]
    assert "49" not in poisoned.text.replace(one, "").replace(other, "")
    assert all(char.isprintable() or char == "\n" for char in poisoned.text)


def _spoken(one: str, other: str) -> Parsed:
    """A page that says the texts wherever a committer, a file or the engine may put some."""
    revision = Revision("a" * 40, f"s{one}", f"a{other}")
    failure = Failure("X", f"m{one}", (Problem(Place(f"f{one}"), f"m{other}", f"p{one}", f"h{other}"),))
    overview = Overview(host=f"h{one}", version=f"v{other}", source=SourceStatus(f"u{one}", f"r{other}"))
    overview = overview.with_source(revision, failure, at=1.0, next_at=None).with_engine(one, other)
    overview = overview.with_elsewhere([f"e{one}"])
    return page_of(overview.with_report(failed(failure, stack=f"s{one}", revision=revision, commit=revision)))


@pytest.mark.parametrize(
    "overview",
    [Overview(), Overview(stacks=()).with_report(report()), Overview().with_engine("", "", UNREACHABLE)],
    ids=["nothing yet", "one stack", "no engine"],
)
def test_it_renders_with_little_to_say(overview: Overview) -> None:
    assert page_of(overview).all("table")


def test_every_state_has_a_word_an_icon_and_a_look() -> None:
    assert set(SYNC_BADGES) == set(Sync)
    assert set(HEALTH_BADGES) == set(Health)
    style = STYLE.read_text()
    for badge in (*SYNC_BADGES.values(), *HEALTH_BADGES.values()):
        assert badge.word
        assert badge.icon
        assert f".{badge.look} " in style


def _luminance(colour: str) -> float:
    full_form = colour if len(colour) == 6 else "".join(digit * 2 for digit in colour)
    channels = [int(full_form[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_read(theme: int) -> None:
    block = re.findall(r":root \{(.*?)\}", STYLE.read_text(), re.DOTALL)[theme]
    colours = dict(re.findall(r"--(\w+): #([0-9a-f]+);", block))
    for back in ("back", "card"):
        for name in colours.keys() - {"back", "card", "line"}:
            lighter, darker = sorted((_luminance(colours[name]), _luminance(colours[back])), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, f"{name} on {back}"


def test_the_style_is_served(site: Site) -> None:
    answer = site.ask("/static/style.css")
    assert answer.headers["content-type"].startswith("text/css")
    assert answer.body == STYLE.read_bytes()


def test_the_page_is_served(site: Site) -> None:
    site.overview = full()
    answer = site.ask("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "edge-01" in Parsed(answer.body.decode()).text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "now"), (0.5, "now"), (41, "41 s ago"), (119, "1 min ago"), (7300, "2 hours ago"), (86400, "1 day ago")],
)
def test_ages(seconds: float, said: str) -> None:
    assert ago(seconds) == said


def test_times_that_no_calendar_knows() -> None:
    assert moment(0.0) == "1970-01-01T00:00:00+00:00"
    assert moment(1e18) == moment(float("inf")) == ""
    assert span(1e12) == "11574074 days"
