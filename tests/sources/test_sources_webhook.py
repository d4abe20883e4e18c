"""What Git hosts tell us, whether we can believe it, and that no text of theirs does more than that."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json

import pytest

from moorage.sources import webhook
from moorage.sources.credentials import Secret
from moorage.sources.webhook import RevisionSeen, WebhookRefused, WebhookSecrets, parse_webhook

OLD, NEW, ZERO = "a" * 40, "b" * 40, "0" * 40
COMMITS = [{"added": ["new.yaml"], "modified": ["web/app.yaml"], "removed": ["old.yaml"]}]
FILES = frozenset({"new.yaml", "web/app.yaml", "old.yaml"})
GITHUB = {
    "ref": "refs/heads/main",
    "before": OLD,
    "after": NEW,
    "commits": COMMITS,
    "repository": {
        "html_url": "https://github.com/shop/app",
        "clone_url": "https://github.com/shop/app.git",
        "ssh_url": "git@github.com:shop/app.git",
        "default_branch": "main",
    },
}
GITLAB = {
    "ref": "refs/tags/v1",
    "before": ZERO,
    "after": NEW,
    "commits": COMMITS,
    "project": {
        "web_url": "https://gitlab.com/shop/app",
        "git_http_url": "https://gitlab.com/shop/app.git",
        "git_ssh_url": "git@gitlab.com:shop/app.git",
        "default_branch": "main",
    },
}
BITBUCKET = {
    "repository": {"links": {"html": {"href": "https://bitbucket.org/shop/app"}}},
    "push": {
        "changes": [
            {
                "old": {"type": "branch", "name": "main", "target": {"hash": OLD}},
                "new": {"type": "branch", "name": "main", "target": {"hash": NEW}},
            },
            {"old": {"type": "tag", "name": "v0", "target": {"hash": OLD}}, "new": None},
        ]
    },
}
SERVER = {
    "repository": {"links": {"clone": [{"href": "https://bb.example/scm/shop/app.git", "name": "http"}]}},
    "changes": [{"reference": {"id": "refs/heads/main"}, "fromHash": OLD, "toHash": NEW}],
}
AZURE = {
    "eventType": "git.push",
    "resource": {
        "repository": {
            "remoteUrl": "https://dev.azure.com/org/shop/_git/app",
            "defaultBranch": "refs/heads/main",
        },
        "refUpdates": [{"name": "refs/heads/main", "oldObjectId": OLD, "newObjectId": NEW}],
    },
}
PROVIDERS = {
    "github": ({"X-GitHub-Event": "push"}, GITHUB),
    "gitea": ({"X-Gitea-Event": "push", "X-GitHub-Event": "push"}, GITHUB),
    "gogs": ({"X-Gogs-Event": "push"}, GITHUB),
    "gitlab": ({"X-Gitlab-Event": "Tag Push Hook"}, GITLAB),
    "bitbucket": ({"X-Hook-UUID": "{uuid}", "X-Event-Key": "repo:push"}, BITBUCKET),
    "bitbucket server": ({"X-Event-Key": "repo:refs_changed"}, SERVER),
    "azure": ({"X-VSS-ActivityId": "1"}, AZURE),
}
SECRET = Secret("s3cret")
SECRETS = WebhookSecrets(
    github=SECRET,
    gitlab=SECRET,
    gogs=SECRET,
    bitbucket_uuid=Secret("{uuid}"),
    bitbucket_server=SECRET,
    azure_username=Secret("robot"),
    azure_password=SECRET,
)


def body_of(payload) -> bytes:
    return json.dumps(payload).encode()


def signed(provider: str, body: bytes, secret: str = "s3cret") -> dict[str, str]:
    """Return the headers a provider sends along with a signed body."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    proof = {
        "github": {"X-Hub-Signature-256": f"sha256={digest}"},
        "gitea": {"X-Gitea-Signature": digest},
        "gogs": {"X-Gogs-Signature": digest},
        "gitlab": {"X-Gitlab-Token": secret},
        "bitbucket": {"X-Hook-UUID": "{uuid}" if secret == "s3cret" else "{other}"},
        "bitbucket server": {"X-Hub-Signature": f"sha256={digest}"},
        "azure": {"Authorization": "Basic " + base64.b64encode(f"robot:{secret}".encode()).decode()},
    }[provider]
    return PROVIDERS[provider][0] | proof


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        pytest.param(
            "github",
            [
                RevisionSeen(
                    (
                        "https://github.com/shop/app",
                        "https://github.com/shop/app.git",
                        "git@github.com:shop/app.git",
                    ),
                    "main",
                    "branch",
                    NEW,
                    OLD,
                    FILES,
                    "main",
                )
            ],
            id="github",
        ),
        pytest.param(
            "gitlab",
            [
                RevisionSeen(
                    (
                        "https://gitlab.com/shop/app",
                        "https://gitlab.com/shop/app.git",
                        "git@gitlab.com:shop/app.git",
                    ),
                    "v1",
                    "tag",
                    NEW,
                    None,
                    FILES,
                    "main",
                )
            ],
            id="gitlab, a new tag",
        ),
        pytest.param(
            "bitbucket",
            [
                RevisionSeen(("https://bitbucket.org/shop/app",), "main", "branch", NEW, OLD),
                RevisionSeen(("https://bitbucket.org/shop/app",), "v0", "tag", None, OLD),
            ],
            id="bitbucket, a push and a deleted tag",
        ),
        pytest.param(
            "bitbucket server",
            [RevisionSeen(("https://bb.example/scm/shop/app.git",), "main", "branch", NEW, OLD)],
            id="bitbucket server",
        ),
        pytest.param(
            "azure",
            [
                RevisionSeen(
                    ("https://dev.azure.com/org/shop/_git/app",), "main", "branch", NEW, OLD, None, "main"
                )
            ],
            id="azure",
        ),
    ],
)
def test_what_each_provider_tells(provider, expected):
    """
    A payload becomes the refs that moved, with the repository's URLs and the changed files where they are told.
    """
    headers, payload = PROVIDERS[provider]

    assert expected == list(parse_webhook(headers, body_of(payload), WebhookSecrets()))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_s33_a_signed_webhook_is_trusted(provider):
    """
    S33: with the secret configured a payload that proves it is trusted; the header's letter case does not matter.
    """
    body = body_of(PROVIDERS[provider][1])
    headers = {name.upper(): value for name, value in signed(provider, body).items()}

    assert {True} == {seen.trusted for seen in parse_webhook(headers, body, SECRETS)}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("how", ["wrong secret", "no proof", "another body", "empty", "not ascii"])
def test_s33_what_proves_nothing_is_refused(provider, how):
    """
    S33: a payload signed with another secret, not at all, or for another body is 401 and says nothing of the secret.
    """
    body = body_of(PROVIDERS[provider][1])
    headers = signed(provider, body, "other" if how == "wrong secret" else "s3cret")
    proofs = headers.keys() - (PROVIDERS[provider][0].keys() - {"X-Hook-UUID"})
    if how == "another body":
        if provider in ("gitlab", "bitbucket", "azure"):
            # These prove who sends, not what.
            headers = headers | dict.fromkeys(proofs, "x")
        body += b" "
    elif how != "wrong secret":
        value = {"no proof": None, "empty": "", "not ascii": "é\udc80"}[how]
        keep = {name: text for name, text in headers.items() if name not in proofs}
        headers = keep if value is None else keep | dict.fromkeys(proofs, value)
        if provider == "bitbucket" and value is None:
            headers["X-Hook-UUID"] = "{other}"

    with pytest.raises(WebhookRefused, match="not signed with the configured secret") as refused:
        parse_webhook(headers, body, SECRETS)

    assert refused.value.status == 401
    assert "s3cret" not in str(refused.value)


def test_s33_proofs_are_compared_in_constant_time(monkeypatch):
    """
    S33: every provider's proof goes through the one comparison whose time tells nothing.
    """
    compared = []
    honest = hmac.compare_digest
    monkeypatch.setattr(webhook.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or honest(a, b))

    for provider in PROVIDERS:
        body = body_of(PROVIDERS[provider][1])
        parse_webhook(signed(provider, body), body, SECRETS)

    assert len(compared) == len(PROVIDERS)


def test_s33_gitea_cannot_pass_as_github():
    """
    S33: a payload with Gitea's and GitHub's headers must prove Gitea's secret, and one secret is not good for another host.
    """
    body = body_of(GITHUB)
    secrets = WebhookSecrets(github=Secret("for-github"), gogs=Secret("for-gitea"))
    headers = {"X-Gitea-Event": "push"} | signed("github", body, "for-github")

    with pytest.raises(WebhookRefused):
        parse_webhook(headers, body, secrets)


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        ({"X-GitHub-Event": "ping"}, {"zen": "x"}),
        ({"X-GitHub-Event": "issues"}, {}),
        ({"X-Gitlab-Event": "Issue Hook"}, {}),
        ({"X-Event-Key": "diagnostics:ping"}, {"test": True}),
        ({"X-GitHub-Event": "push"}, GITHUB | {"ref": "refs/notes/x"}),
        ({"X-VSS-ActivityId": "1"}, {"eventType": "build.complete"}),
    ],
)
def test_events_that_move_no_ref(headers, payload):
    """
    Pings and events that move no branch or tag tell of nothing, and are no error.
    """
    assert parse_webhook(headers, body_of(payload), WebhookSecrets()) == ()


def test_a_deleted_branch_is_told():
    """
    A push whose new revision is all zeros tells of a ref that is gone.
    """
    (seen,) = parse_webhook(
        {"X-GitHub-Event": "push"}, body_of(GITHUB | {"after": ZERO, "commits": []}), WebhookSecrets()
    )

    assert (seen.deleted, seen.changed_files) == (True, None)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"{}", 400),
        ({"X-Forwarded-For": "x"}, b"{}", 400),
        ({"X-GitHub-Event": "push"}, b"", 400),
        ({"X-GitHub-Event": "push"}, b"[" * 100_000, 400),
        ({"X-GitHub-Event": "push"}, b"\xff", 400),
        ({"X-GitHub-Event": "push"}, b"null", 400),
        (
            {"X-GitHub-Event": "push", "Content-Type": "application/x-www-form-urlencoded"},
            b"payload=%7B%7D",
            415,
        ),
        ({"X-GitHub-Event": "push"}, b" " * (10 * 1024 * 1024 + 1), 413),
    ],
)
def test_cve_2024_40634_malformed_and_oversized_bodies(headers, body, status):
    """
    CVE-2024-40634, CVE-2024-27454, S48: a body that is too large, too deep or not JSON is a 4xx answer.
    """
    with pytest.raises(WebhookRefused) as refused:
        parse_webhook(headers, body, WebhookSecrets())

    assert refused.value.status == status


def spoilt(value):
    """Yield a payload again and again, each time with one value dropped, nulled or of another type."""
    for path in list(paths(value)):
        for change in ("drop", None, 7, "", [], {}, [[]], "\ud800x", True):
            made = copy.deepcopy(value)
            holder = made
            for key in path[:-1]:
                holder = holder[key]
            if change == "drop":
                del holder[path[-1]]
            else:
                holder[path[-1]] = change
            yield made


def answer(headers, body):
    """Return the news of a payload, or the status it is refused with."""
    try:
        return parse_webhook(headers, body, WebhookSecrets())
    except WebhookRefused as refused:
        return refused.status


def paths(value, at=()):
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in pairs:
        yield (*at, key)
        yield from paths(below, (*at, key))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_cve_2025_59531_spoilt_payloads_harm_nobody(provider):
    """
    CVE-2025-59531, CVE-2025-59537, CVE-2025-59538, S48: each field dropped, nulled or retyped gives news or a 4xx, no crash.
    """
    headers, payload = PROVIDERS[provider]
    answers = [answer(headers, json.dumps(spoiled).encode()) for spoiled in spoilt(payload)]
    news = [seen for told in answers if not isinstance(told, int) for seen in told]

    assert len(answers) > 50
    assert {told for told in answers if isinstance(told, int)} == {400}
    assert all(isinstance(text, str) and text for seen in news for text in (seen.ref, *seen.urls))


@pytest.mark.parametrize("change", [{"ref": "refs/heads/" + "x" * 5000}, {"after": "x" * 5000}])
def test_long_names_are_refused(change):
    """
    S48: names longer than any host's are a 4xx answer.
    """
    assert answer({"X-GitHub-Event": "push"}, body_of(GITHUB | change)) == 400


@pytest.mark.parametrize(
    "commits", [[{"added": [str(n) for n in range(20_000)]}], [{"added": ["x"]}] * 200, [], None]
)
def test_too_many_changed_files_are_unknown(commits):
    """
    S7: a payload with more commits or files than are worth keeping tells of the push and not of its files.
    """
    (seen,) = answer({"X-GitHub-Event": "push"}, body_of(GITHUB | {"commits": commits}))

    assert (seen.ref, seen.changed_files) == ("main", None)
