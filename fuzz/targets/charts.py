"""Charts: archives, declarations, values, parameters, and the indexes of their repositories."""

from __future__ import annotations

import io
import zlib

import orjson

from fuzz.target import Target
from moorage.formats.tgz import Budget, unpack
from moorage.render import chart, strvals
from moorage.sources.helmindex import parse_index

_BLOCK = 512
_ENTRIES, _BYTES = 2_000, 2_000_000


def read_archive(data: bytes) -> None:
    """Unpack an archive: one already packed, or the tar that is to be packed."""
    if data[:2] != b"\x1f\x8b":
        data = _packed(data)
    taken = 0
    for path, content in unpack(io.BytesIO(data), "charts/web.tgz", Budget(_ENTRIES, _BYTES)):
        assert not path.startswith("/"), "a path from the root"
        assert ".." not in path.split("/"), "a path that leads outside"
        assert "\0" not in path, "a path no file has"
        taken += len(content)
    assert taken <= _BYTES, "more came out than the budget allows"


def _packed(tar: bytes) -> bytes:
    packer = zlib.compressobj(0, zlib.DEFLATED, 31)
    return packer.compress(tar) + packer.flush()


def _mended(tar: bytes) -> bytes:
    """Return an archive whose headers have the right checksums; nobody gets behind a wrong one."""
    if tar[:2] == b"\x1f\x8b":
        return tar
    content, at = bytearray(tar), 0
    while at + _BLOCK <= len(content):
        block = content[at : at + _BLOCK]
        if not any(block):  # two of these are the end
            at += _BLOCK
            continue
        block[148:156] = b" " * 8
        content[at + 148 : at + 156] = b"%06o\0 " % sum(block)
        try:
            size = int(bytes(block[124:136]).strip(b"\0 ") or b"0", 8)
        except ValueError:
            size = 0
        at += _BLOCK + max(0, size + _BLOCK - 1) // _BLOCK * _BLOCK
    return bytes(content)


def read_declaration(data: bytes) -> None:
    """Read a Chart.yaml."""
    body = chart.declaration("web/Chart.yaml", data)
    for dependency in body.get("dependencies") or []:
        chart.locate("web", str(dependency.get("repository") or "x"), {"values": None}, "dependencies")


def read_parameters(data: bytes) -> None:
    """Set parameters, one a line, in one tree of values."""
    values: dict[str, object] = {"image": {"tag": "1"}, "hosts": [{"name": "a"}], "n": 1}
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n")[:20]):
        name, _, value = line.partition("=")
        strvals.assign(values, name, value, f"spec.source.helm.parameters[{number}]", as_text=number % 4 == 3)
    orjson.dumps(values)


def read_index(data: bytes) -> None:
    """Read the index of a chart repository."""
    for versions in parse_index(data, "https://charts.example").values():
        for version, release in versions.items():
            assert isinstance(version, str), "a version that is no text"
            assert isinstance(release.url, str), "an address that is no text"


def _entry(name: str, content: bytes = b"", kind: bytes = b"0", link: str = "") -> bytes:
    head = name.encode()[:100].ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % len(content)
    head += b"00000000000\0" + b" " * 8 + kind + link.encode()[:100].ljust(100, b"\0") + b"ustar\00000"
    return head.ljust(_BLOCK, b"\0") + content.ljust(-(-len(content) // _BLOCK) * _BLOCK, b"\0")


def _pax(*records: bytes) -> bytes:
    lines = b""
    for record in records:
        size = len(record) + 2
        size += len(str(size + len(str(size))))
        lines += b"%d %s\n" % (size, record)
    return _entry("pax", lines, b"x")


_END = b"\0" * (2 * _BLOCK)
_CHART = b"apiVersion: v2\nname: web\nversion: 1.2.3\n"
_ARCHIVES = tuple(
    _mended(tar)
    for tar in (
        _entry("web/", kind=b"5")
        + _entry("web/Chart.yaml", _CHART)
        + _entry("web/t/a.yaml", b"a: b\n" * 150)
        + _END,
        _pax(b"path=web/long.yaml", b"size=4", b"mtime=1.5") + _entry("web/x", b"a: b") + _END,
        _pax(b"GNU.sparse.major=1", b"GNU.sparse.minor=0", b"GNU.sparse.name=web/s", b"GNU.sparse.realsize=9")
        + _entry("web/s", b"1\n0\n4\n".ljust(_BLOCK, b"\0") + b"data")
        + _END,
        _pax(b"GNU.sparse.map=0,4", b"GNU.sparse.size=4", b"GNU.sparse.numblocks=1")
        + _entry("web/m", b"data")
        + _END,
        _entry("././@LongLink", b"web/" + b"n" * 150 + b"\0", b"L") + _entry("web/n", b"a") + _END,
        _entry("web/l", kind=b"2", link="/etc/passwd") + _entry("web/h", kind=b"1", link="web/l") + _END,
        _entry("web/old", b"\0" * 20, b"S") + _END,
        _pax(b"hdrcharset=BINARY", b"path=web/\xff") + _entry("web/b", b"b") + _END,
    )
)
_TAR_WORDS = (
    *(
        _CHART,
        _END,
        b"\0",
        b"/",
        b"..",
        b"../",
        b"web/",
        b"./",
        b"\\",
        b"0000644\0",
        b"77777777777\0",
        b"ustar  \0",
    ),
    *(
        b"00000000000\0",
        b"-0000000001\0",
        b"\x80\0\0\0\0\0\0\0\xff\xff\xff\xff",
        b"\xff" * 12,
        b"\0" * _BLOCK,
    ),
    *(
        b"11 path=../a\n",
        b"GNU.sparse.map=",
        b"-1,-1",
        b"size=-1",
        b"9" * 40,
        b"12 size=99e9\n",
        b"x",
        b"g",
        b"S",
        b"L",
        b"K",
    ),
)
_DECLARATION = b"""apiVersion: v2
name: web
version: 1.2.3+build.1
appVersion: "7"
dependencies:
  - name: postgresql
    version: ~1.2 || >=2.0.0-0 <3
    repository: https://charts.example
    alias: db
    condition: db.enabled
  - {name: lib, version: "*", repository: "file://../lib"}
  - {name: c, version: 1.x, repository: $values/c}
"""
_YAML_WORDS = (
    b": ",
    b"\n",
    b"- ",
    b"\n  ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"&a ",
    b"*a",
    b"<<: ",
    b"~",
    b"1",
    b"1.2",
    b"!!bool ",
    b"''",
)
_INDEX = b"""apiVersion: v1
entries:
  web:
    - {version: 1.2.3, urls: [web-1.2.3.tgz], digest: "sha256:ABC", created: 2020-01-01T00:00:00Z}
    - version: 1.10
      urls:
        - https://charts.example/web-1.10.tgz
  1: []
  ~: [{}]
generated: 2001-12-14t21:59:43.10-05:00
"""
_PARAMETERS = (
    b"image.tag=1.2\nhosts[0].name=a\nhosts[2].ports[1]=80\nlist={a,b\\,c,{}}",
    b"a\\.b.c[0][1]=true\nservers[0]=null\nn=-1\nx.y={}",
    b"annotations.nginx\\.ingress\\.kubernetes\\.io/x=0123",
)

TARGETS = (
    Target("chart-archive", read_archive, _ARCHIVES, _TAR_WORDS, finish=_mended),
    Target(
        "chart-archive-packed",
        read_archive,
        tuple(map(_packed, _ARCHIVES)),
        (b"\x1f\x8b", b"\0", b"\xff"),
    ),
    Target(
        "chart",
        read_declaration,
        (_DECLARATION, _CHART),
        (*_YAML_WORDS, b"name", b"version: ", b"repository: ", b"..", b"$x/"),
    ),
    Target(
        "chart-index",
        read_index,
        (_INDEX,),
        (*_YAML_WORDS, b"!!timestamp x", b"!!int ''", b"urls: ", b"2001-99-99", b"entries:"),
    ),
    Target(
        "parameters",
        read_parameters,
        _PARAMETERS,
        (
            b".",
            b"[",
            b"]",
            b"[0]",
            b"[65536]",
            b"=",
            b"\n",
            b",",
            b"{",
            b"}",
            b"\\",
            b"a",
            b"null",
            b"true",
            b"-",
            b"9" * 40,
        ),
        longest=16_384,
    ),
)
