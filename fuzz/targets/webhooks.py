"""Payloads of every Git host, signed and not."""

from __future__ import annotations

import hmac

import orjson

from fuzz.target import Target, json_bytes
from moorage.sources.credentials import Secret
from moorage.sources.webhook import WebhookSecrets, parse_webhook

_SECRET = "open sesame"
_SIGNED = WebhookSecrets(*(Secret(_SECRET) for _ in range(7)))
_UNSIGNED = WebhookSecrets()


def read_webhook(data: bytes) -> None:
    """Read headers and a body, once where payloads come unsigned and once where they must prove it."""
    headers, body = _request(data)
    for secrets in (_UNSIGNED, _SIGNED) if len(data) % 2 else (_SIGNED,):
        for seen in parse_webhook(headers, body, secrets):
            # What follows puts them into sets and compares them.
            hash(seen)
            assert all(isinstance(url, str) for url in seen.urls), "an address that is no text"
            assert seen.revision is None or isinstance(seen.revision, str), "a revision that is no text"
            assert secrets is _UNSIGNED or seen.trusted, "believed without proof"


def _request(data: bytes) -> tuple[dict[str, str], bytes]:
    """Return headers and body; where a header says SIGNATURE, the body is signed as its sender would."""
    try:
        request = orjson.loads(data)
        body = orjson.dumps(request["body"])
        headers = {name: str(value) for name, value in request["headers"].items()}
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        return {"X-GitHub-Event": "push", "X-Hub-Signature-256": _signature(data)}, data
    return {k: _signature(body) if v == "SIGNATURE" else v for k, v in headers.items()}, body


def _signature(body: bytes) -> str:
    return "sha256=" + hmac.digest(_SECRET.encode(), body, "sha256").hex()


_COMMITS = [{"id": "b" * 40, "added": ["a"], "modified": ["web/b.yaml"], "removed": []}]
_PUSH = {"ref": "refs/heads/main", "before": "a" * 40, "after": "b" * 40, "commits": _COMMITS}
_GITHUB = {
    **_PUSH,
    "repository": {
        "html_url": "https://github.com/ann/shop",
        "clone_url": "https://github.com/ann/shop.git",
        "ssh_url": "git@github.com:ann/shop.git",
        "default_branch": "main",
    },
}
_GITLAB = {
    **_PUSH,
    "object_kind": "push",
    "project": {
        "web_url": "https://gitlab.example/a/b",
        "git_ssh_url": "git@gitlab.example:a/b.git",
        "default_branch": "x",
    },
}
_BITBUCKET = {
    "repository": {"links": {"html": {"href": "https://bitbucket.org/a/b"}}},
    "push": {
        "changes": [
            {
                "old": {"type": "branch", "name": "main", "target": {"hash": "a" * 40}},
                "new": {"type": "tag", "name": "v1", "target": {"hash": "b" * 40}},
            },
            {"old": None, "new": {"type": "branch", "name": "x", "target": {"hash": "b" * 40}}},
        ]
    },
}
_BITBUCKET_SERVER = {
    "repository": {"links": {"clone": [{"href": "ssh://git@bb.example/a/b.git", "name": "ssh"}]}},
    "changes": [{"reference": {"id": "refs/heads/main"}, "toHash": "b" * 40, "fromHash": "0" * 40}],
}
_AZURE = {
    "eventType": "git.push",
    "resource": {
        "refUpdates": [{"name": "refs/heads/main", "oldObjectId": "a" * 40, "newObjectId": "b" * 40}],
        "repository": {"remoteUrl": "https://dev.azure.com/a/_git/b", "defaultBranch": "refs/heads/main"},
    },
}
_AUTHORIZATION = "Basic b3BlbiBzZXNhbWU6b3BlbiBzZXNhbWU="
_REQUESTS = (
    ({"X-GitHub-Event": "push", "X-Hub-Signature-256": "SIGNATURE"}, _GITHUB),
    ({"X-Gitea-Event": "push", "X-Gitea-Signature": "SIGNATURE"}, _GITHUB),
    ({"X-Gogs-Event": "create", "X-Gogs-Signature": "SIGNATURE"}, _GITHUB),
    ({"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": _SECRET}, _GITLAB),
    ({"X-Gitlab-Event": "Tag Push Hook", "X-Gitlab-Token": _SECRET}, {**_GITLAB, "ref": "refs/tags/v1"}),
    ({"X-Event-Key": "repo:push", "X-Hook-UUID": _SECRET}, _BITBUCKET),
    ({"X-Event-Key": "repo:refs_changed", "X-Hub-Signature": "SIGNATURE"}, _BITBUCKET_SERVER),
    ({"X-Vss-ActivityId": "1", "Authorization": _AUTHORIZATION}, _AZURE),
)
_SEEDS = json_bytes(
    *(
        {"headers": {"Content-Type": "application/json", **headers}, "body": body}
        for headers, body in _REQUESTS
    ),
    # Bodies as they come, for what is no JSON.
    *(body for headers, body in _REQUESTS[:1]),
)
_WORDS = (
    *(b"null", b"true", b"0", b"{}", b"[]", b'""', b'"x"', b"1e9", b"[null]", b'{"":null}', b'"refs/tags/"'),
    *(
        b'"ref":',
        b'"repository":',
        b'"links":',
        b'"changes":',
        b'"commits":[',
        b",",
        b'"old":',
        b'"new":',
        b"]",
        b"}",
    ),
    *(b"\\ud800", b"\\u0000", b"refs/heads/", b"{", b"["),
)

TARGETS = (Target("webhooks", read_webhook, _SEEDS, _WORDS, shape="json"),)
