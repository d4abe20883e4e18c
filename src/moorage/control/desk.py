"""
Where outsiders ask: webhooks in, health and metrics out.

The API knows this desk alone. Views, diffs, logs and requests of the REST API
get their place here when its routes come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moorage.control.board import Board
from moorage.control.fleet import Fleet
from moorage.control.metrics import Metrics
from moorage.control.repositories import Repositories, webhook_secrets
from moorage.model.errors import Terminal
from moorage.sources.webhook import WebhookRefused, parse_webhook


class Unproven(Terminal):
    """The sender of a webhook did not prove who it is."""

    reason = "Unauthorized"


class Oversized(Terminal):
    """A request is larger than allowed."""

    reason = "PayloadTooLarge"


@dataclass(slots=True)
class Desk:
    """Answers the API from what the control room knows. `started` tells whether the control watches are complete."""

    board: Board
    fleet: Fleet
    repositories: Repositories
    counted: Metrics
    webhook_limit: int
    started: bool = False
    waiting_for: str = ""

    async def webhook(self, headers: Mapping[str, str], body: bytes) -> int:
        """
        Take a provider's payload; return how many followed repositories it concerns.

        Raises:
            Unproven: The signature is missing or wrong.
            Oversized: The body is larger than allowed.
            WebhookRefused: The payload is not one of a known provider.
        """
        try:
            news = parse_webhook(headers, body, webhook_secrets(self.board.config, self.webhook_limit))
        except WebhookRefused as error:
            self.counted.webhooks.labels("refused").inc()
            if error.status in (401, 403):
                raise Unproven(str(error)) from error
            if error.status == 413:
                raise Oversized(str(error)) from error
            raise
        self.counted.webhooks.labels("accepted").inc()
        concerned = 0
        for seen in news:
            concerned += await self.repositories.sources.seen(seen)
        return concerned

    def unready(self) -> list[str]:
        """Return why Moorage is not ready; empty when it is. Only reads."""
        if self.waiting_for:
            return [self.waiting_for]
        if not self.started:
            return ["the control namespace was not read yet"]
        return []

    def metrics(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return self.counted.render()
