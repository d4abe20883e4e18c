"""
By which rules is an application compared?

Puts together what the application says, what the installation says and how the
destination applies, as one value for `engine.compare`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from moorage.control.config import Config
from moorage.control.jq import delete_paths
from moorage.engine.compare import Predict, Rules
from moorage.engine.merge.schema import Schema, deduced
from moorage.engine.merge.takeover import predecessors
from moorage.engine.options import merge_options, resource_options
from moorage.engine.predict import predict_apply, predict_client_side
from moorage.engine.track import owner
from moorage.model.application import Application
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json, Manifest, digest
from moorage.model.words import FIELD_MANAGER, MIGRATION_MANAGER_ANNOTATION

SchemaOf = Callable[[str, str, str], Schema | None]
"""(group, version, kind) → schema, None when it is not known."""


@dataclass(frozen=True, slots=True)
class Ruled:
    """The rules, and a fingerprint of what they were made of."""

    rules: Rules
    fingerprint: str


def rules_for(app: Application, config: Config, schema_of: SchemaOf) -> Ruled:
    """Return the rules by which an application is compared."""
    return Ruled(
        Rules(
            predict=_predict(app, schema_of),
            instance=app.key.instance(config.namespace),
            owner=lambda body: owner(body, config.tracking, config.label_key, config.installation_id),
            ignore=(*app.ignore, *config.ignore),
            jq=delete_paths,
            status_fields=config.status_fields,
        ),
        digest(
            [
                repr(app.ignore),
                repr(config.ignore),
                repr(app.options),
                config.status_fields,
                config.tracking,
                app.annotations.get(MIGRATION_MANAGER_ANNOTATION),
            ]
        ),
    )


def _predict(app: Application, schema_of: SchemaOf) -> Predict:
    former = predecessors(app.annotations.get(MIGRATION_MANAGER_ANNOTATION) or "")

    def predict(live: Json, target: Manifest) -> Json:
        options = merge_options(app.options, resource_options(target.body))
        schema = schema_for(target.key, target.api_version, schema_of)
        if options.server_side_apply and not options.replace:
            migrate = former if options.client_side_apply_migration else ()
            return predict_apply(
                live, target.body, manager=FIELD_MANAGER, schema=schema, migrate_from=migrate
            )
        return predict_client_side(live, target.body, schema)

    return predict


def schema_for(key: ResourceKey, api_version: str, schema_of: SchemaOf) -> Schema:
    """Return the schema of an object, a deduced one when the cluster has none."""
    found = schema_of(key.group, api_version.rpartition("/")[2], key.kind)
    return found if found is not None else deduced()
