"""What is a secret by its name: one rule for plans, messages, and what containers and builds say."""

from __future__ import annotations

import pytest

from agent.compose.findings import Findings
from agent.kinds.container_words import redacted
from agent.kinds.table import holds_secret
from agent.model import Place
from agent.planning.masking import field_change
from agent.secrecy import looks_secret, without_secrets
from tests.planning.scene import differs

SECRET = [
    "DB_PASSWORD", "PASSPHRASE", "MYSQL_PWD", "client_secret", "API_TOKEN", "api-key", "AWS_ACCESS_KEY_ID", "GIT_CREDS",
    "PRIVATE", "BASIC_AUTH", "SENTRY_DSN", "PASSWORD_SALT", "ERLANG_COOKIE", "SESSION_ID",
]  # fmt: skip
PLAIN = ["LOG_LEVEL", "AUTHOR", "DATABASE_HOST", "MODE", "PWD", "OLDPWD", "XDG_SESSION_ID", "SSH_AUTH_SOCK"]


@pytest.mark.parametrize("name", [*SECRET, *PLAIN])
def test_a_name_says_the_same_wherever_a_value_is_shown(name: str) -> None:
    secret = name in SECRET
    assert looks_secret(name) is secret
    assert holds_secret(f"environment.{name}", "x") is secret
    assert ("canary" not in field_change(differs(f"environment.{name}", None, "canary")).after) is secret
    assert ("canary" not in redacted("said canary", {"Config": {"Env": [f"{name}=canary"]}})) is secret
    findings = Findings()
    findings.hide({name: "canary-of-length"})
    findings.warn(Place("compose.yaml"), "there is no canary-of-length")
    assert ("canary" not in findings.warnings[0].message) is secret


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('exec: "serve --password=hunter2": not found', 'exec: "serve --password=*** not found'),
        ("Authorization: Bearer hunter2", "Authorization: ***"),
        ('{"db_password": "hunter2"}', '{"db_password": ***'),
        ("/login/password: hunter2", "/login/password: ***"),
        (
            "open /run/secrets/a: permission denied, token: hunter2",
            "open /run/secrets/a: permission denied, token: ***",
        ),
    ],
)
def test_what_looks_like_a_secret_in_a_text_is_not_told(text: str, told: str) -> None:
    assert without_secrets(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "unauthorized: authentication required",
        "open /run/secrets/db_password: permission denied",
        "source path '/srv/keys': mkdir /srv/keys: read-only file system",
    ],
)
def test_what_is_said_of_a_file_or_of_a_registry_is_told(text: str) -> None:
    assert without_secrets(text) == text
