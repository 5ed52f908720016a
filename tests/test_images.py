"""Which digest an image is told by."""

from __future__ import annotations

import pytest

from agent.images import digest_of

HUB, OTHER = "nginx@sha256:b", "alike.example/nginx@sha256:a"
LIBRARY = "alike.example/library/nginx@sha256:c"
SHORT, LONG = "127.0.0.1:5000/a@sha256:1", "127.0.0.1:5000/a/b@sha256:2"


@pytest.mark.parametrize(
    ("reference", "digests", "told"),
    [
        ("nginx", (), ""),
        ("nginx:1", ("<none>@<none>",), ""),
        ("nginx", (OTHER, HUB), HUB),
        ("library/nginx:1", (OTHER, HUB), HUB),
        ("docker.io/library/nginx:1", (OTHER, HUB), HUB),
        ("index.docker.io/nginx", (OTHER, HUB), HUB),
        ("alike.example/nginx:1", (OTHER, HUB), OTHER),
        ("alike.example/library/nginx:1", (HUB, LIBRARY), LIBRARY),
        ("127.0.0.1:5000/a/b", (HUB, SHORT, LONG), LONG),
        ("127.0.0.1:5000/a:1", (HUB, LONG, SHORT), SHORT),
        ("mine:1", (HUB, OTHER), OTHER),
        ("nginx@sha256:c", ("nginx@sha256:b", "nginx@sha256:c"), "nginx@sha256:c"),
        ("nginx:1", ("nginx@sha256:c", "nginx@sha256:b"), "nginx@sha256:b"),
    ],
)  # fmt: skip
def test_the_digest_of_the_repository_that_it_is_wanted_from_or_another_one(
    reference: str, digests: tuple[str, ...], told: str
) -> None:
    assert digest_of(reference, digests) == told
