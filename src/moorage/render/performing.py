"""
Which renderer does a job ask for? Loads it, and no other.

Runs in a worker: workers that only ever read plain files do not pay for Helm.
"""

from __future__ import annotations

from moorage.render import directory
from moorage.render.job import Answer, Job


def perform(job: Job) -> Answer:
    """Return the manifests of a job; raises errors of the model."""
    if job.directory is not None:
        return Answer(directory.render(job.files, job.path, job.directory, job.namespace, job.limits))
    # Workers that only ever read plain files do not pay for the others.
    if job.kustomize is not None:
        from moorage.render import kustomize

        return kustomize.render(job)
    from moorage.render import helm

    return helm.render(job)


def prepare(job: Job) -> None:
    """Load what a job needs before its limits hold: Helm reserves far more memory than it uses."""
    if job.helm is not None:
        from moorage.render import helm  # noqa: F401
