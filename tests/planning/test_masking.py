"""What a plan shows of the values of fields, and that no secret is among it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.planning.masking import field_change, shown
from agent.printable import printable
from tests.planning.scene import differs, plan, there, want

CANARY = "hunter2-canary"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ("info", "info"),
        (True, "true"),
        (512, "512"),
        (["a", "b"], '["a", "b"]'),
        ({"b": 1, "a": None}, '{"a": null, "b": 1}'),
        pytest.param(frozenset({"y", "x"}), '["x", "y"]', id="a set"),  # its repr depends on the seed of the hashes
        (b"\x00\x01", '"2 bytes"'),
        ("keycloak:25.0", "keycloak:25.0"),
        ("ghcr.io/acme/auth-server@sha256:0123", "ghcr.io/acme/auth-server@sha256:0123"),
        ("a\n\x1b[31mb\u202e", "a\\n\\x1b[31mb\\u202e"),
        ("x" * 300, "x" * 200 + "…"),
        ("x" * 3000, "(3000 characters)"),
    ],
    ids=repr,
)
def test_a_value_as_text(value: Any, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    "path",
    [
        "environment.DB_PASS",
        "environment.POSTGRES_PASSWORD",
        "environment.token",
        "environment[API_KEY]",
        "environment.AWS_SECRET_ACCESS_KEY",
        "environment.SENTRY_DSN",
        "labels.traefik.http.middlewares.basicauth.users",
        "password",
    ],
)
def test_a_field_named_like_a_secret_is_masked(path: str) -> None:
    assert field_change(differs(path, CANARY, CANARY + "2"))[1:] == ("*** (before)", "*** (after)")


@pytest.mark.parametrize(
    ("seen", "now"),
    [
        (["CMD", "redis-cli", "-a", "0ld-word", "ping"], ["CMD", "redis-cli", "-a", CANARY, "ping"]),
        (["mysqladmin", f"-p{CANARY}", "ping"], ["true"]),
        ({"a": {CANARY: 1}}, None),
    ],
    ids=["new", "old", "a name"],
)
def test_a_field_that_holds_a_hidden_value_is_masked(seen: Any, now: Any) -> None:
    found = field_change(differs("healthcheck.test", seen, now), frozenset({CANARY, "true", "xy"}))
    assert found[1:] == ("*** (before)", "*** (after)" if now else "")


@pytest.mark.parametrize(
    ("value", "hidden", "is_masked"),
    [
        ("true", "true", False),
        ("True", "True", False),
        ("xy", "xy", False),
        ("-a hunter2", "hunter2", True),
        ("hunters", "hunter", False),
        ("db_hunter", "hunter", True),
        ("xhunter2-hunter2x", "hunter2-hunter2", True),
    ],
    ids=["a word", "any case", "in any text", "short", "a part of a word", "between signs", "long"],
)
def test_a_short_value_is_hidden_where_it_stands_by_itself(value: str, hidden: str, is_masked: bool) -> None:
    found = field_change(differs("command", ["a"], [value]), frozenset({hidden}))
    assert found.after == ("*** (after)" if is_masked else f'["{value}"]')


def test_the_hidden_values_of_a_resource_are_in_no_plan_of_it() -> None:
    wanted = replace(want("container/web"), hidden=frozenset({CANARY}))
    found = plan([wanted], [there("container/web", differs("command", ["-a", "0ld-word"], ["-a", CANARY]))])
    assert found.changes[0].fields[0][1:] == ("*** (before)", "*** (after)")
    assert CANARY not in repr(found.changes[0].wanted)


def test_a_field_that_says_so_is_masked_and_an_unset_one_is_empty() -> None:
    assert field_change(differs("environment.PLAIN", None, CANARY, secret=True)) == (
        "environment.PLAIN",
        "",
        "*** (after)",
    )


@pytest.mark.parametrize("path", ["environment.LOG_LEVEL", "environment.AUTHOR", "image", "tokens.x.y"[-3:]])
def test_other_fields_are_shown(path: str) -> None:
    assert field_change(differs(path, "a", "b"))[1:] == ("a", "b")


@pytest.mark.parametrize(
    "value",
    [
        f"postgres://app:{CANARY}@db:5432/app",
        f"see https://{CANARY}@github.com/acme",
        f"--password {CANARY} --user app",
        f"--db-password={CANARY}",
        f"psql 'password={CANARY} host=db'",
        f"Authorization: Bearer {CANARY}",
        ["mysqld", "--root-password", CANARY],
        ["sh", "-c", f"PGPASSWORD={CANARY} psql"],
        {"DB_PASS": CANARY},
        {"options": [{"api_key": CANARY}]},
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{CANARY}",
        f"--token {'x' * 1940} postgres://app:{CANARY * 10}@db",
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_secret_inside_of_a_value_is_masked(value: Any) -> None:
    change = field_change(differs("command", value, value))
    assert CANARY not in repr(change)
    assert change.before != change.after


@given(st.text())
def test_what_is_printable_is_one_line_without_escapes(text: str) -> None:
    assert printable(text).isprintable()


@given(st.sampled_from(["environment.DB_PASS", "environment.X"]), st.booleans())
def test_no_secret_is_in_a_plan_however_it_is_printed(path: str, declared: bool) -> None:
    secret = path.endswith("X")
    difference = differs(path, CANARY, CANARY + "!", drift=not declared, secret=secret)
    wanted = [want("container/web", spec={"body": {"Env": [f"DB_PASS={CANARY}"]}}), want("container/db")]
    seen = there("container/web", difference, raw={"Env": [CANARY]})
    found = plan(wanted, [seen, there("container/db", difference)])
    assert found.pending
    for said in (repr(found), str(found), repr(found.changes), f"{found.changes[0].seen!r}{found.changes[0].wanted!r}"):
        assert CANARY not in said
