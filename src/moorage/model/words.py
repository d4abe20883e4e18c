"""
Every label, annotation, finalizer and field manager name, each with one sentence.

Names under ``argocd.argoproj.io`` are Argo CD's and are honoured as they are;
names under ``moorage.dev`` are ours. Nothing else in the house spells them.
"""

from __future__ import annotations

from typing import Final

# Asking for things, on an Application.

REFRESH_ANNOTATION: Final = "argocd.argoproj.io/refresh"
"""Asks for a refresh; the value is ``normal``, or ``hard`` to render anew as well."""

REFRESH_TIMESTAMP_ANNOTATION: Final = "argocd.argoproj.io/refresh-timestamp"
"""When the refresh was asked for, so that a request made during a refresh is not lost."""

HYDRATE_ANNOTATION: Final = "argocd.argoproj.io/hydrate"
"""Asks for the rendered manifests to be written to their branch again."""

HYDRATE_TIMESTAMP_ANNOTATION: Final = "argocd.argoproj.io/hydrate-timestamp"
"""When the writing of rendered manifests was asked for."""

MANIFEST_GENERATE_PATHS_ANNOTATION: Final = "argocd.argoproj.io/manifest-generate-paths"
"""The paths, separated by semicolons, whose change makes an application render anew."""

SKIP_RECONCILE_ANNOTATION: Final = "argocd.argoproj.io/skip-reconcile"
"""Says ``true`` on an application or a cluster secret that must be left alone."""

DELETION_APPROVED_ANNOTATION: Final = "argocd.argoproj.io/deletion-approved"
"""The time at which a person approved deletions that ask for confirmation."""

APPLICATION_SET_REFRESH_ANNOTATION: Final = "argocd.argoproj.io/application-set-refresh"
"""Asks for an ApplicationSet to be generated again."""

MANAGED_BY_URL_ANNOTATION: Final = "argocd.argoproj.io/managed-by-url"
"""The address of the user interface that shows this application."""

MIGRATION_MANAGER_ANNOTATION: Final = "argocd.argoproj.io/client-side-apply-migration-manager"
"""The field manager whose client-side fields are taken over before the first server-side apply."""

# Whose is it: tracking.

TRACKING_ID_ANNOTATION: Final = "argocd.argoproj.io/tracking-id"
"""Names the application that declares a resource, and the resource itself."""

INSTALLATION_ID_ANNOTATION: Final = "argocd.argoproj.io/installation-id"
"""Tells two installations that share a cluster apart."""

INSTANCE_LABEL: Final = "app.kubernetes.io/instance"
"""The tracking label unless another key is configured."""

RECOMMENDED_INSTANCE_LABEL: Final = "argocd.argoproj.io/instance"
"""A tracking label that nobody else writes."""

PART_OF_LABEL: Final = "app.kubernetes.io/part-of"
"""Says ``argocd`` on the ConfigMaps and Secrets that configure an installation."""

# How to treat it: options on a resource.

SYNC_OPTIONS_ANNOTATION: Final = "argocd.argoproj.io/sync-options"
"""Options of the sync for one resource, as a comma list of ``Word=value``."""

MOORAGE_SYNC_OPTIONS_ANNOTATION: Final = "moorage.dev/sync-options"
"""The same in our own name; it wins where both speak."""

COMPARE_OPTIONS_ANNOTATION: Final = "argocd.argoproj.io/compare-options"
"""Options of the comparison for one resource or application, as a comma list."""

MOORAGE_COMPARE_OPTIONS_ANNOTATION: Final = "moorage.dev/compare-options"
"""The same in our own name; it wins where both speak."""

SYNC_WAVE_ANNOTATION: Final = "argocd.argoproj.io/sync-wave"
"""The wave of a resource within its phase, a signed integer; 0 when absent."""

HOOK_ANNOTATION: Final = "argocd.argoproj.io/hook"
"""The phases at which a resource runs as a hook, as a comma list."""

HOOK_DELETE_POLICY_ANNOTATION: Final = "argocd.argoproj.io/hook-delete-policy"
"""When a hook is deleted, as a comma list."""

IGNORE_HEALTHCHECK_ANNOTATION: Final = "argocd.argoproj.io/ignore-healthcheck"
"""Says ``true`` on a resource whose health does not count for its application."""

IGNORE_RESTART_POLICY_ANNOTATION: Final = "argocd.argoproj.io/ignore-restart-policy"
"""Says ``true`` on a Pod that is to be judged as if it were restarted always."""

IGNORE_DEFAULT_LINKS_ANNOTATION: Final = "argocd.argoproj.io/ignore-default-links"
"""Says ``true`` on a resource whose own addresses are not shown as links."""

IGNORE_RESOURCE_UPDATES_ANNOTATION: Final = "argocd.argoproj.io/ignore-resource-updates"
"""Says ``true`` on a resource whose updates may be ignored by configured rules."""

OPERATION_ANNOTATION: Final = "moorage.dev/operation"
"""The operation that made a hook, so that none runs twice in one operation."""

# Helm's own keys, honoured on rendered charts.

HELM_HOOK_ANNOTATION: Final = "helm.sh/hook"
"""The moments of a Helm release at which a resource runs, as a comma list."""

HELM_HOOK_WEIGHT_ANNOTATION: Final = "helm.sh/hook-weight"
"""The order among Helm hooks; our wave when no sync wave is given."""

HELM_HOOK_DELETE_POLICY_ANNOTATION: Final = "helm.sh/hook-delete-policy"
"""When Helm deletes a hook, as a comma list."""

HELM_RESOURCE_POLICY_ANNOTATION: Final = "helm.sh/resource-policy"
"""Says ``keep`` on a resource that is neither pruned nor deleted."""

# Kubernetes' own keys that mean something to a comparison.

LAST_APPLIED_ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"
"""What the last client-side apply declared, as JSON."""

DEPLOYMENT_REVISION_ANNOTATION: Final = "deployment.kubernetes.io/revision"
"""The rollout counter that the deployment controller keeps."""

RESTARTED_AT_ANNOTATION: Final = "kubectl.kubernetes.io/restartedAt"
"""The time of a restart by hand, on a pod template."""

HPA_CONDITIONS_ANNOTATION: Final = "autoscaling.alpha.kubernetes.io/conditions"
"""The conditions of an autoscaler in version 1, as JSON."""

SERVICE_NAME_LABEL: Final = "kubernetes.io/service-name"
"""The Service an EndpointSlice belongs to."""

# Secrets and ConfigMaps that configure an installation.

SECRET_TYPE_LABEL: Final = "argocd.argoproj.io/secret-type"  # noqa: S105
"""What a configuring Secret holds: cluster, repository, repo-creds, and so on."""

AUTO_LABEL_CLUSTER_LABEL: Final = "argocd.argoproj.io/auto-label-cluster-info"
"""Says ``true`` on a cluster secret that is to be labelled with the cluster's version."""

KUBERNETES_VERSION_LABEL: Final = "argocd.argoproj.io/kubernetes-version"
"""The version of a cluster, on its secret."""

MANAGED_BY_ANNOTATION: Final = "managed-by"
"""Says ``argocd.argoproj.io`` on a Secret that a program made and may change."""

# Families of keys: what follows the prefix is the user's word.

LINK_PREFIX: Final = "link.argocd.argoproj.io/"
"""A link shown with a resource; the value is an address, or ``title|address``."""

NOTICE_PREFIX: Final = "notice.argocd.argoproj.io/"
"""A notice shown with an application: content, severity, url, permanent, icon, scope."""

PREFERENCE_PREFIX: Final = "pref.argocd.argoproj.io/"
"""How an application is shown at first: default-view, default-pod-sort."""

SUBSCRIBE_PREFIX: Final = "notifications.argoproj.io/subscribe."
"""Who is told of what: followed by trigger and service."""

NOTIFIED_ANNOTATION: Final = "notified.notifications.argoproj.io"
"""What was told already, so that nothing is told twice."""

# Finalizers.

CASCADE_FINALIZER: Final = "resources-finalizer.argocd.argoproj.io"
"""Deletes the resources of an application before the application itself, waiting for each."""

CASCADE_FOREGROUND_FINALIZER: Final = "resources-finalizer.argocd.argoproj.io/foreground"
"""The same, said in full."""

CASCADE_BACKGROUND_FINALIZER: Final = "resources-finalizer.argocd.argoproj.io/background"
"""Deletes the resources of an application without waiting for what they own."""

PRE_DELETE_FINALIZER: Final = "pre-delete-finalizer.argocd.argoproj.io"
"""Runs the PreDelete hooks before an application goes; with ``/cleanup`` it removes them afterwards."""

POST_DELETE_FINALIZER: Final = "post-delete-finalizer.argocd.argoproj.io"
"""Runs the PostDelete hooks after the resources went; with ``/cleanup`` it removes them afterwards."""

HOOK_FINALIZER: Final = "argocd.argoproj.io/hook-finalizer"
"""Keeps a finished hook until its result was read."""

# Field managers.

FIELD_MANAGER: Final = "argocd-controller"
"""The manager of our server-side applies; the name is Argo CD's, so that ownership carries over."""

CLIENT_SIDE_FIELD_MANAGER: Final = "kubectl-client-side-apply"
"""The manager of client-side applies, whose fields are taken over at the first server-side apply."""
