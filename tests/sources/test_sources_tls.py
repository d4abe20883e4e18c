"""Whom we believe to be a server, and whom a server believes us to be."""

from __future__ import annotations

import ssl
import warnings
from dataclasses import replace

import pytest
from sources_kit import CANARY, place, with_password
from sources_tls import DAY, NOW, Authority

from moorage.model.errors import Error, InvalidConfiguration, SourceRefused, SourceUnreachable
from moorage.sources.credentials import Credentials, Repository, Secret
from moorage.sources.outward import Outward
from moorage.sources.settings import GitSettings
from moorage.testing.gitserver import GitServer

OURS, THEIRS = Authority(), Authority()


async def test_an_own_authority_by_host(tmp_path):
    """
    A server whose certificate an authority in argocd-tls-certs-cm made is read over https.
    """
    async with place(tmp_path, tls=OURS.server(tmp_path)) as at:
        at.sources.set_repositories((), tls_certs={"127.0.0.1": OURS.pem})

        assert at.git("rev-parse", "main") == await at.resolve("main")


@pytest.mark.parametrize(
    ("served", "trusted"),
    [
        pytest.param(lambda folder: OURS.server(folder), "", id="unknown authority"),
        pytest.param(lambda folder: OURS.server(folder), THEIRS.pem, id="another authority"),
        pytest.param(lambda folder: OURS.server(folder, "git.example"), OURS.pem, id="another host"),
        pytest.param(lambda folder: OURS.server(folder, "127.0.0.1", ends=NOW - DAY), OURS.pem, id="expired"),
    ],
)
async def test_s60_certificates_are_verified(tmp_path, served, trusted):
    """
    S60: an unknown authority, another host's or an expired certificate is refused, and the remedy is told.
    """
    async with place(tmp_path, tls=served(tmp_path)) as at:
        at.sources.set_repositories((), tls_certs={"127.0.0.1": trusted} if trusted else {})
        with pytest.raises(SourceUnreachable, match="argocd-tls-certs-cm"):
            await at.resolve("main")
        repository = replace(at.shop, credentials=replace(at.shop.credentials, ca=trusted))
        with pytest.raises(SourceUnreachable, match="argocd-tls-certs-cm"):
            async with Outward(at.sources.settings, repository) as outward:
                await outward.get(f"{at.url}/index.yaml", 1000)

        assert at.server.seen == []


async def test_s60_old_tls_is_refused(tmp_path):
    """
    S60: a server that speaks nothing newer than TLS 1.1 is not spoken to.
    """
    context = OURS.server(tmp_path)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with place(tmp_path, tls=context) as at:
        at.sources.set_repositories((), tls_certs={"127.0.0.1": OURS.pem})
        with pytest.raises(SourceUnreachable):
            await at.resolve("main")
        with pytest.raises(SourceUnreachable):
            async with Outward(at.sources.settings, at.shop) as outward:
                await outward.get(f"{at.url}/index.yaml", 1000)

        assert at.server.seen == []


async def test_opting_out_is_for_one_repository(tmp_path):
    """
    S60: `insecure` in a Secret lets that repository be read unverified, and no other.
    """
    async with place(tmp_path, tls=OURS.server(tmp_path)) as at:
        insecure = replace(at.shop, credentials=Credentials(insecure=True))
        assert at.git("rev-parse", "main") == await at.sources.resolve(insecure, "main")

        at.server.create("other")
        with pytest.raises(SourceUnreachable):
            await at.sources.resolve(at.sources.repository(at.server.url("other")), "main")


async def test_client_certificates(tmp_path):
    """
    A server that wants a certificate from its clients gets the one in the Secret, and refuses without.
    """
    pair = OURS.issue("robot.example")
    async with place(tmp_path, tls=OURS.server(tmp_path, clients=True)) as at:
        known = Credentials(ca=OURS.pem)
        shop = replace(
            at.shop, credentials=replace(known, tls_cert=pair.certificate, tls_key=Secret(pair.key))
        )
        assert at.git("rev-parse", "main") == await at.sources.resolve(shop, "main")
        async with Outward(at.sources.settings, shop) as outward:
            assert (await outward.get(f"{at.url}/info/refs?service=git-upload-pack", 100_000)).status == 200

        with pytest.raises(Error):
            await at.sources.resolve(replace(shop, credentials=known), "main", fresh=True)
        with pytest.raises(SourceUnreachable):
            async with Outward(at.sources.settings, replace(shop, credentials=known)) as outward:
                await outward.get(at.url, 1000)


async def test_half_a_client_certificate_is_told(tmp_path):
    """
    A client certificate that is no PEM pair is InvalidConfiguration naming the fields, not the key.
    """
    broken = Repository("https://h.example", credentials=Credentials(tls_cert="x", tls_key=Secret(CANARY)))
    with pytest.raises(InvalidConfiguration, match="tlsClientCertData and tlsClientCertKey") as refused:
        async with Outward(GitSettings(tmp_path), broken):
            pass

    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("where", ["same host, other port", "to http"])
async def test_s18_git_follows_no_redirect_with_a_credential(tmp_path, where):
    """
    CVE-2026-41506, S18: a server that redirects gets no second request out of git, and the new place none at all.
    """
    tls = OURS.server(tmp_path) if where == "to http" else None
    async with place(tmp_path, tls=tls) as at, GitServer(tmp_path / "served") as other:
        at.sources.set_repositories([with_password(at.shop)], tls_certs={"127.0.0.1": OURS.pem})
        at.server.redirect_to = f"http://127.0.0.1:{other.port}"
        with pytest.raises((SourceRefused, SourceUnreachable)):
            await at.resolve("main")

        assert other.seen == []
