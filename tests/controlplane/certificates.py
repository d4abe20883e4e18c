"""
What TLS files does an API server of our own need, and how are new ones made?

A certificate authority per issue: a replaced certificate is one that nobody
trusts yet, which is the hard case for a client.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = datetime.timedelta(days=2)
PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Identity:
    """A serving certificate with its key, and the authority that vouches for it, all as PEM."""

    authority: bytes
    certificate: bytes
    key: bytes = field(repr=False)
    authority_key: bytes = field(repr=False)


def issue() -> Identity:
    """Return a new authority and a certificate of its making for the loopback addresses."""
    now = datetime.datetime.now(datetime.UTC)
    root_key = ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"authority-{x509.random_serial_number():x}")]
    )
    root = (
        _certificate(root_name, root_name, root_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signing=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    return _signed(root, root_key)


def renew(identity: Identity) -> Identity:
    """Return another certificate, with another key, of the same authority."""
    root_key = serialization.load_pem_private_key(identity.authority_key, password=None)
    assert isinstance(root_key, ec.EllipticCurvePrivateKey)
    return _signed(x509.load_pem_x509_certificate(identity.authority), root_key)


def _signed(root: x509.Certificate, root_key: ec.EllipticCurvePrivateKey) -> Identity:
    now = datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
    names = x509.SubjectAlternativeName(
        [
            x509.DNSName("localhost"),
            x509.DNSName("kubernetes.default.svc"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.IPAddress(ipaddress.ip_address("10.0.0.1")),
        ]
    )
    certificate = (
        _certificate(name, root.subject, key.public_key(), now)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signing=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    return Identity(_pem(root), _pem(certificate), _key_pem(key), _key_pem(root_key))


def write_identity(identity: Identity, folder: Path) -> None:
    """Write ``tls.crt`` and ``tls.key``, each replaced whole, the key first."""
    for name, content in (("tls.key", identity.key), ("tls.crt", identity.certificate)):
        fresh = folder / f"{name}.new"
        fresh.write_bytes(content)
        fresh.chmod(PRIVATE)
        fresh.replace(folder / name)


def write_signing_pair(folder: Path) -> None:
    """Write ``sa.key`` and ``sa.pub``, the pair that signs the tokens of service accounts."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (folder / "sa.key").write_bytes(_key_pem(key))
    (folder / "sa.key").chmod(PRIVATE)
    (folder / "sa.pub").write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
    )


def _usage(*, signing: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signing,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signing,
        crl_sign=signing,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
