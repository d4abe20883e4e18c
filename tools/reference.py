"""
Keeps the tables of the reference true: they are made from the code.

A page holds regions between ``<!-- made: NAME -->`` and ``<!-- /made -->``;
everything else of it is written by hand. Called without arguments it writes
the regions anew; with ``--check`` it only says which are not current. What the
code cannot say of itself, one sentence a setting, stands here.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

from moorage.cli import exits
from moorage.control.metrics import Applications, Metrics
from moorage.engine import health
from moorage.settings import Settings, explain

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
WORDS = ROOT / "src/moorage/model/words.py"

SETTINGS: dict[str, str] = {
    "serve.namespace": "The namespace of Applications and configuration.",
    "serve.listen": "The address for webhooks, health and metrics, as `host:port`.",
    "serve.data": "The folder of mirrors and remembered renderings; losing it costs time only.",
    "serve.stop_seconds": "How long passes that are under way may take to end when Moorage is stopped.",
    "serve.application_namespaces": "Globs of further namespaces in which Applications may live.",
    "serve.lease": "Whether to act only while holding the Lease `moorage` of the namespace, so that of several processes one acts.",
    "limits.passes": "Passes at once.",
    "limits.requests_per_cluster": "Requests at once to one API server.",
    "limits.render_workers": "Renderings at once in worker processes.",
    "limits.render_seconds": "The longest time one rendering may take.",
    "limits.render_megabytes": "The most memory one rendering may take.",
    "limits.store_megabytes": "The most disk that mirrors and charts may take; what was used longest ago goes first.",
    "limits.webhook_megabytes": "The largest webhook that is read.",
    "git.poll_seconds": "The time between two looks at a repository that sends no webhooks.",
    "git.jitter_seconds": "Up to so many seconds are added to each of these times.",
    "git.fetch_seconds": "The longest time one fetch may take.",
    "git.allow_file": "Whether `file://` addresses may be opened; for demos and tests.",
    "git.partial": "Whether contents stay on the Git server until they are read, where the server can do that.",
    "clusters.exec_programs": "Programs that cluster Secrets may name in `execProviderConfig`, or need for `awsAuthConfig` (`argocd-k8s-auth` or `aws`).",
    "log.level": "`debug`, `info`, `warning` or `error`.",
    "log.json": "Whether log lines are JSON.",
}
"""One sentence for each setting; `made_settings` refuses one without."""


def main(arguments: list[str]) -> int:
    """Write the made regions of all pages, or check them; return 1 when one is not current."""
    stale = [path for path in sorted(DOCS.rglob("*.md")) if remade(path.read_text()) != path.read_text()]
    for path in stale:
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)}: not current; run {Path(__file__).name}", file=sys.stderr)
        else:
            path.write_text(remade(path.read_text()))
    return 1 if stale and "--check" in arguments else 0


def remade(page: str) -> str:
    """Return a page with its regions made anew."""
    return REGION.sub(lambda found: f"{found[1]}\n\n{MADE[found[2]]()}\n\n{found[3]}", page)


REGION = re.compile(r"(<!-- made: (\w+) -->)\n.*?\n?(<!-- /made -->)", re.DOTALL)


def made_settings() -> str:
    """Return the table of all settings."""
    known = dict(explain(Settings()))
    if known.keys() != SETTINGS.keys():
        raise SystemExit(f"tools/reference.py: SETTINGS differs in {sorted(known.keys() ^ SETTINGS.keys())}")
    rows = (
        (f"`{name}`", f"`MOORAGE_{name.upper().replace('.', '_')}`", _default(value), SETTINGS[name])
        for name, value in known.items()
    )
    return table(("setting", "variable", "default", "meaning"), rows)


def _default(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{each}`" for each in value) or "none"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`" if value != "" else "empty"


def made_words() -> str:
    """Return a section for each group of words: labels, annotations, finalizers, field managers."""
    sections = []
    for heading, words in words_by_heading().items():
        rows = ((f"`{value}`", KINDS[name.rpartition("_")[2]], meaning) for name, value, meaning in words)
        sections.append(f"## {heading}\n\n{table(('word', 'what it is', 'meaning'), rows)}")
    return "\n\n".join(sections)


KINDS = {
    "ANNOTATION": "annotation",
    "LABEL": "label",
    "PREFIX": "prefix of annotations",
    "FINALIZER": "finalizer",
    "MANAGER": "field manager",
}


def words_by_heading() -> dict[str, list[tuple[str, str, str]]]:
    """Return the words of the house by the comment above them: name, value and sentence."""
    source = WORDS.read_text()
    headings = {
        number: line.removeprefix("# ").removesuffix(".")
        for number, line in enumerate(source.splitlines(), 1)
        if line.startswith("# ")
    }
    found: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    body = ast.parse(source).body
    for node, after in pairwise(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            heading = headings[max(number for number in headings if number < node.lineno)]
            meaning = _plain(_constant(after)) + ("" if is_used(node.target.id) else " *Not used yet.*")
            found[heading].append((node.target.id, _constant(node.value), meaning))
    return found


def is_used(constant: str) -> bool:
    """Return whether anything in the house beside the list of words names a constant of it."""
    return any(constant in _names(path) for path in (ROOT / "src").rglob("*.py") if path != WORDS)


@cache
def _names(path: Path) -> frozenset[str]:
    return frozenset(re.findall(r"\b[A-Z][A-Z_]+\b", path.read_text()))


def _constant(node: ast.AST | None) -> str:
    if isinstance(node, ast.Expr):
        node = node.value
    assert isinstance(node, ast.Constant)
    return str(node.value)


def _plain(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def made_metrics() -> str:
    """Return the table of all metrics."""
    metrics = Metrics()
    labels = {each._name: each._labelnames for each in vars(metrics).values() if hasattr(each, "_labelnames")}
    rows = [
        (f"`{_sample(each.name, each.type)}`", each.type, _labels(labels[each.name]), each.documentation)
        for each in metrics.registry.collect()
    ]
    rows += [
        (f"`{info.name}`", info.type, _labels(info._labelnames), info.documentation)
        for info in Applications(lambda: ()).collect()
    ]
    return table(("metric", "type", "labels", "meaning"), sorted(rows))


def _sample(name: str, kind: str) -> str:
    return f"{name}_total" if kind == "counter" else name


def _labels(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def made_exits() -> str:
    """Return the table of exit codes."""
    return table(("code", "meaning"), ((f"`{int(code)}`", meaning) for code, meaning in exits.codes()))


def made_health() -> str:
    """Return the kinds that have a rule, by group."""
    groups: dict[str, list[str]] = defaultdict(list)
    for group, kind in health.RULES:
        groups[group].append(kind)
    rows = (
        (f"`{group}`" if group else "core", ", ".join(sorted(kinds)))
        for group, kinds in sorted(groups.items())
    )
    return table(("group", "kinds"), rows)


def made_routes() -> str:
    """Return the table of what the address of Moorage answers."""
    return table(("route", "methods"), ((f"`{path}`", methods) for path, methods in routes()))


def routes() -> Iterator[tuple[str, str]]:
    """Yield path and methods of every route."""
    from moorage.api.app import make_app

    for route in make_app(None).routes:  # type: ignore[arg-type]
        yield route.path, ", ".join(sorted(route.methods - {"HEAD"}))  # type: ignore[attr-defined]


MADE: dict[str, Callable[[], str]] = {
    "settings": made_settings,
    "words": made_words,
    "metrics": made_metrics,
    "exits": made_exits,
    "health": made_health,
    "routes": made_routes,
}


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
