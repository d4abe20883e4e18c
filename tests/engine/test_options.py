"""Options of applications and resources: which words are known, and which of them hold."""

from __future__ import annotations

import pytest
from deciding import body
from hypothesis import given
from hypothesis import strategies as st

from moorage.engine.options import ResourceOptions, merge_options, resource_options, sync_options
from moorage.model.application import SyncOptions

SYNC, COMPARE = "argocd.argoproj.io/sync-options", "argocd.argoproj.io/compare-options"
OWN_SYNC = "moorage.dev/sync-options"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param([], SyncOptions(), id="nothing"),
        pytest.param(["Validate=false"], SyncOptions(validate=False), id="Validate"),
        pytest.param(["CreateNamespace=true"], SyncOptions(create_namespace=True), id="CreateNamespace"),
        pytest.param(
            ["PrunePropagationPolicy=orphan"], SyncOptions(prune_propagation="orphan"), id="propagation"
        ),
        pytest.param(["PruneLast=true"], SyncOptions(prune_last=True), id="PruneLast"),
        pytest.param(
            ["Replace=true", "Force=true"], SyncOptions(replace=True, force=True), id="Replace and Force"
        ),
        pytest.param(["ServerSideApply=false"], SyncOptions(server_side_apply=False), id="ServerSideApply"),
        pytest.param(
            ["ApplyOutOfSyncOnly=true"], SyncOptions(apply_out_of_sync_only=True), id="ApplyOutOfSyncOnly"
        ),
        pytest.param(
            ["RespectIgnoreDifferences=true"], SyncOptions(respect_ignore_differences=True), id="respect"
        ),
        pytest.param(["FailOnSharedResource=true"], SyncOptions(fail_on_shared_resource=True), id="shared"),
        pytest.param(
            ["SkipDryRunOnMissingResource=true"], SyncOptions(skip_dry_run_on_missing=True), id="missing"
        ),
        pytest.param(
            ["ClientSideApplyMigration=false"], SyncOptions(client_side_apply_migration=False), id="migration"
        ),
        pytest.param(["Prune=false"], SyncOptions(prune="false"), id="Prune=false"),
        pytest.param(["Prune=confirm"], SyncOptions(prune="confirm"), id="Prune=confirm"),
        pytest.param(["Delete=confirm"], SyncOptions(delete="confirm"), id="Delete=confirm"),
        pytest.param([" PruneLast = TRUE "], SyncOptions(prune_last=True), id="spaces and case of the value"),
        pytest.param(["PruneLast"], SyncOptions(prune_last=True), id="a bare word"),
        pytest.param(["PruneLast=true", "PruneLast=false"], SyncOptions(), id="the last one wins"),
        pytest.param(
            ["prunelast=true"], SyncOptions(unknown=("prunelast=true",)), id="case of the word counts"
        ),
        pytest.param(["Replace=maybe"], SyncOptions(unknown=("Replace=maybe",)), id="no value of it"),
        pytest.param(["", 3], SyncOptions(unknown=("3",)), id="no words"),
    ],
)
def test_options_of_an_application(words, expected):
    """
    Each word of Argo CD has its meaning; others are kept, so that a spelling error is seen.
    """
    assert expected == sync_options(words)


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({}, ResourceOptions(), id="nothing"),
        pytest.param(
            {SYNC: "Prune=false,Validate=false"}, ResourceOptions(prune="false", validate=False), id="two"
        ),
        pytest.param({SYNC: "Prune=confirm, Delete=confirm"}, ResourceOptions(prune="confirm", delete="confirm"), id="confirm"),
        pytest.param({SYNC: "Replace=false"}, ResourceOptions(replace=False), id="said to be off"),
        pytest.param({SYNC: "CreateNamespace=true"}, ResourceOptions(unknown=("CreateNamespace=true",)), id="for applications only"),
        pytest.param({COMPARE: "IgnoreExtraneous"}, ResourceOptions(ignore_extraneous=True), id="a bare word"),
        pytest.param(
            {COMPARE: "ServerSideDiff=true,IncludeMutationWebhook=true"},
            ResourceOptions(server_side_diff=True, include_mutation_webhook=True),
            id="comparison",
        ),
        pytest.param({SYNC: "Prune=true", OWN_SYNC: "Prune=false"}, ResourceOptions(prune="false"), id="our name wins"),
        pytest.param(
            {"helm.sh/resource-policy": "keep"}, ResourceOptions(prune="false", delete="false"), id="Helm keeps"
        ),
        pytest.param(
            {"helm.sh/resource-policy": "keep", SYNC: "Prune=true"},
            ResourceOptions(prune="true", delete="false"),
            id="Helm keeps, unless said otherwise",
        ),
        pytest.param({SYNC: 3}, ResourceOptions(unknown=(f"{SYNC}: not a string",)), id="no text"),
    ],
)  # fmt: skip
def test_options_of_a_resource(annotations, expected):
    """
    A resource says what holds for it in comma lists, and nothing about the rest.
    """
    assert expected == resource_options(body("x", annotations=annotations))


@pytest.mark.parametrize(
    ("application", "resource", "expected"),
    [
        pytest.param(
            SyncOptions(replace=True), ResourceOptions(), SyncOptions(replace=True), id="says nothing"
        ),
        pytest.param(SyncOptions(replace=True), ResourceOptions(replace=False), SyncOptions(), id="says no"),
        pytest.param(
            SyncOptions(replace=True),
            ResourceOptions(force=True),
            SyncOptions(replace=True, force=True),
            id="says something else",
        ),
        pytest.param(
            SyncOptions(unknown=("a",)),
            ResourceOptions(unknown=("b",)),
            SyncOptions(unknown=("a", "b")),
            id="unknown",
        ),
        pytest.param(
            SyncOptions(), ResourceOptions(ignore_extraneous=True), SyncOptions(), id="of comparisons"
        ),
    ],
)
def test_the_resource_wins(application, resource, expected):
    """
    Where a resource says something it holds, else what its application says.
    """
    assert expected == merge_options(application, resource)


@given(
    st.dictionaries(st.sampled_from([SYNC, COMPARE, OWN_SYNC]), st.text("PruneFalse=,confirm ", max_size=20))
)
def test_every_annotation_is_read(annotations):
    """
    Whatever stands in the annotations, options are found, and what is not known is kept.
    """
    assert isinstance(resource_options(body("x", annotations=annotations)), ResourceOptions)
