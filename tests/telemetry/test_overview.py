"""The overview is what the reports add up to, and survives its own JSON form."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import BadManifest
from agent.fleet_settings import read_fleet
from agent.images import Image
from agent.model import Action, Cause, Failure, Health, Key, Plan, Report, Revision, ServiceState, Status
from agent.suspension import Suspended, Suspension
from agent.telemetry.labels import without_credentials
from agent.telemetry.overview import Held, Overview, RevisionStatus, ServiceCount, StackStatus, Sync
from tests.telemetry.made import BROKEN, OLDER, REVISION, UNREACHABLE, change, did, done, failed, report


def web(*reports: Report) -> StackStatus:
    overview = Overview()
    for each in reports:
        overview = overview.with_report(each)
    status = overview.stack("web")
    assert status
    return status


def test_a_change_that_took_is_synced_and_dated() -> None:
    status = web(did(done(change())))
    assert (status.sync, status.health, status.services) == (Sync.SYNCED, Health.HEALTHY, ServiceCount(2, 2, ("api",)))
    assert (status.changed_at, status.message) == (5002.0, "applied in 2.0 s")
    assert status.revision
    assert status.revision.short == "9f2c1ab"


def test_a_pass_with_nothing_to_do_leaves_when_it_was_changed() -> None:
    assert web(did(done(change())), report(started=9000.0)) == web(did(done(change())))


SYNC = [
    pytest.param(report(), Sync.SYNCED, id="nothing left to do"),
    pytest.param(report(synced=False), Sync.OUT_OF_SYNC, id="seen, and something left"),
    pytest.param(failed(BROKEN), Sync.OUT_OF_SYNC, id="the files are wrong"),
    pytest.param(failed(UNREACHABLE), Sync.UNKNOWN, id="the host was not seen"),
    pytest.param(failed(UNREACHABLE, plan=Plan((change(),))), Sync.OUT_OF_SYNC, id="planned, then lost"),
]


@pytest.mark.parametrize(("made", "sync"), SYNC)
def test_sync(made: Report, sync: Sync) -> None:
    assert web(made).sync is sync


MESSAGES = [
    pytest.param(failed(Failure("X", "first\nsecond")), "first", id="failure, its first line"),
    pytest.param(
        report(services=(ServiceState("api", 2, 1, Health.PROGRESSING, "waiting for its health"),)),
        "api: waiting for its health",
        id="service that is not well",
    ),
    pytest.param(
        report(plan=Plan((change(action=Action.HOLD, key=Key("volume", "data"), reason="keeps data"),))),
        "held: volume data: keeps data",
        id="held",
    ),
    pytest.param(report(plan=Plan((change(1), change(2))), synced=False), "2 to do", id="planned only"),
    pytest.param(report(), "", id="nothing to say"),
]


@pytest.mark.parametrize(("made", "message"), MESSAGES)
def test_message(made: Report, message: str) -> None:
    assert web(made).message == message


def test_a_failing_revision_does_not_hide_the_one_that_runs() -> None:
    status = web(report(revision=OLDER), failed(BROKEN))
    assert status.revision
    assert status.target
    assert (status.revision.short, status.target.short) == (OLDER.short, REVISION.short)
    assert status.failure
    assert [(problem.file, problem.line, problem.column) for problem in status.failure.problems] == [
        ("web/compose.yaml", 7, 5),
        ("web/compose.yaml", 9, 1),
    ]


def test_the_commit_stays_that_last_brought_something_new() -> None:
    brought, newer = did(done(change(commit=OLDER))), done(change(commit=REVISION))
    to_blame = (failed(BROKEN, commit=REVISION), report(commit=REVISION, waits=True))
    for later in (report(), *to_blame, did(newer, trigger="rollback")):
        assert web(brought, later).commit == RevisionStatus.of(OLDER)
    assert web(brought, did(newer)).commit == RevisionStatus.of(REVISION)


def test_when_the_host_is_not_seen_the_last_count_stays_and_health_is_unknown() -> None:
    status = web(report(), failed(UNREACHABLE))
    assert (status.services, status.health) == (ServiceCount(2, 2, ("api",)), Health.UNKNOWN)


def test_what_is_held_is_listed() -> None:
    held = change(action=Action.HOLD, key=Key("volume", "data"), cause=Cause.PRUNE, reason="volumes are kept")
    assert web(did(done(held, Status.HELD))).held == (Held("volume", "data", "volumes are kept"),)


def test_stacks_are_sorted_and_go_when_forgotten() -> None:
    overview = Overview()
    for name in ("b", "a", "c", "a"):
        overview = overview.with_report(report(stack=name))
    assert [stack.name for stack in overview.stacks] == ["a", "b", "c"]
    assert [stack.name for stack in overview.without("b").stacks] == ["a", "c"]


def test_a_source_that_fails_keeps_what_was_known_of_it() -> None:
    overview = Overview().with_source(REVISION, None, at=100.0, next_at=160.0)
    failing = overview.with_source(None, UNREACHABLE, at=160.0, next_at=180.0).source
    assert failing.revision == overview.source.revision
    assert (failing.fetched_at, failing.next_at) == (100.0, 180.0)
    assert failing.failure
    assert failing.failure.reason == "EngineUnavailable"


LINES = [
    pytest.param(Overview(), "no stack yet", id="nothing yet"),
    pytest.param(
        Overview().with_source(REVISION, None, at=1.0, next_at=None).with_report(report()).with_report(failed(BROKEN)),
        "0 of 1 stacks synced, at 9f2c1ab",
        id="stacks",
    ),
    pytest.param(
        Overview().with_engine("", "", UNREACHABLE), "EngineUnavailable: keeps what runs, no stack yet", id="engine"
    ),
    pytest.param(
        Overview().with_http("http://[::1]:1", Failure("PortInUse", "taken")),
        "PortInUse: serves no metrics, no stack yet",
        id="http",
    ),
]


@pytest.mark.parametrize(("overview", "line"), LINES)
def test_it_in_a_line(overview: Overview, line: str) -> None:
    assert overview.in_a_line() == line


RUNS = did(
    done(change()), services=(ServiceState("api", 2, 2, Health.HEALTHY, images=(Image("sha256:1", "api@sha256:a"),)),)
)


def test_the_images_that_ran_are_told_while_the_host_is_not_seen() -> None:
    assert web(RUNS, failed(UNREACHABLE)).images == {"api": (Image("sha256:1", "api@sha256:a"),)}


def test_its_json_form_is_stable() -> None:
    document = Overview(host="edge-01").with_report(RUNS).with_engine("20.10.24", "1.41").document()
    assert json.loads(json.dumps(document)) == {
        "format": "1",
        "host": "edge-01",
        "version": "",
        "mode": "apply",
        "started": 0.0,
        "source": {
            "url": "",
            "ref": "",
            "path": "",
            "revision": None,
            "fetched_at": None,
            "next_at": None,
            "failure": None,
            "watch": None,
        },
        "engine": {"up": True, "version": "20.10.24", "api": "1.41", "failure": None},
        "http": {"url": "", "failure": None},
        "wanted": {"volumes": [], "unread": []},
        "state": {},
        "elsewhere": [],
        "answered": 0.0,
        "stacks": [
            {
                "name": "web",
                "sync": "synced",
                "health": "healthy",
                "revision": {"id": REVISION.id, "short": "9f2c1ab", "subject": REVISION.subject, "author": "anna"},
                "target": {"id": REVISION.id, "short": "9f2c1ab", "subject": REVISION.subject, "author": "anna"},
                "services": {"ready": 2, "desired": 2, "names": ["api"]},
                "changed_at": 5002.0,
                "changed_in": 2.0,
                "message": "applied in 2.0 s",
                "failure": None,
                "held": [],
                "suspended": [],
                "on_trial": False,
                "fights": [],
                "jobs": [],
                "images": {"api": [{"id": "sha256:1", "digest": "api@sha256:a"}]},
                "commit": None,
                "waits": False,
            }
        ],
    }


@given(st.text(alphabet=st.characters(), max_size=20), st.sampled_from([report(), failed(BROKEN), RUNS]))
def test_it_survives_its_json_form_whatever_a_committer_writes(text: str, made: Report) -> None:
    revision = Revision("a" * 40, text, text)
    overview = Overview(host="h").with_source(revision, None, at=1.0, next_at=None).with_report(made)
    document = msgspec.json.decode(msgspec.json.encode(overview.document()))
    assert Overview.from_document(document) == overview
    assert Overview.from_document(document | {"of a newer release": 1}) == overview


def test_a_key_that_is_no_text_is_told_all_the_same() -> None:
    """YAML can say half a character, as JSON can; nothing that is saved or served can hold one."""
    with pytest.raises(BadManifest) as caught:
        read_fleet(b'"\\ud800": 1\n', "windlass.yaml")
    overview = Overview().with_source(None, caught.value.failure(), at=1.0, next_at=None)
    document = msgspec.json.decode(msgspec.json.encode(overview))
    assert document["source"]["failure"]["problems"][0]["message"] == "unknown key"


def test_a_megabyte_of_subject_is_cut() -> None:
    seen = Overview().with_report(report(revision=Revision("a" * 40, "x" * 1_000_000, "y" * 10_000)))
    assert len(msgspec.json.encode(seen)) < 20_000


URLS = [
    ("https://user:hunter2@git.example/a/b.git", "https://git.example/a/b.git"),
    ("https://hunter2@git.example/a/b.git", "https://git.example/a/b.git"),
    ("https://git.example:8443/a.git?token=hunter2#hunter2", "https://git.example:8443/a.git"),
    ("ssh://git:hunter2@git.example:22/a.git", "ssh://git@git.example:22/a.git"),
    ("git@git.example:a/b.git", "git@git.example:a/b.git"),
    ("/srv/git/fleet.git", "/srv/git/fleet.git"),
    ("https://[hunter2", "(malformed URL)"),
]


@pytest.mark.parametrize(("url", "shown"), URLS, ids=[url for url, _ in URLS])
def test_an_url_is_shown_without_what_opens_it(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


def test_what_is_no_overview_is_told() -> None:
    with pytest.raises(ValueError, match="stacks"):
        Overview.from_document({"stacks": 3})


def test_what_is_suspended_is_told_with_whose_word_and_end_it_is() -> None:
    whole = Suspended(Suspension("migrates the database", "anna", 1_800_000_000.0))
    status = web(report(synced=False, health=Health.SUSPENDED, plan=Plan((change(),)), suspended=whole))
    assert (status.sync, status.health) == (Sync.OUT_OF_SYNC, Health.SUSPENDED)
    assert status.message == "suspended by anna until 2027-01-15 08:00 UTC: migrates the database"
    leased = web(report(suspended=Suspended(services={"api": Suspension("a debugger")})))
    assert leased.message == "service api is suspended: a debugger"
    frozen = Suspended(frozen=Suspension("weekend"))
    assert web(report(suspended=frozen, coming=Plan((change(),)))).message == "new content waits: weekend (1 to do)"
    assert [one.service for one in leased.suspended] == ["api"]
    assert not web(report(suspended=whole), report()).suspended
