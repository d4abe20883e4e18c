"""
The routes of the one address Moorage listens on.

Public, because they give nothing away: ``/healthz``, ``/readyz``, ``/metrics``
and ``/api/webhook``, whose senders prove themselves by their signature.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from moorage.control.desk import Desk, Oversized, Unproven
from moorage.model.errors import Error


def make_app(desk: Desk) -> Starlette:
    """Return the ASGI application that answers for a desk."""

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_: Request) -> Response:
        faults = desk.unready()
        return PlainTextResponse("\n".join(faults) or "ok", 503 if faults else 200)

    async def metrics(_: Request) -> Response:
        return Response(desk.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def webhook(request: Request) -> Response:
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > desk.webhook_limit:
                return problem(
                    413, "PayloadTooLarge", f"a webhook may have {desk.webhook_limit} bytes at most"
                )
        try:
            concerned = await desk.webhook(dict(request.headers), bytes(body))
        except Unproven as error:
            return problem(401, "Unauthorized", str(error))
        except (Oversized, Error) as error:
            return problem(400, getattr(error, "reason", "BadRequest"), str(error))
        return JSONResponse({"repositories": concerned})

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            Route("/api/webhook", webhook, methods=["POST"]),
        ]
    )


def problem(status: int, reason: str, message: str) -> Response:
    """Return an error in the shape of Argo CD's REST API."""
    return JSONResponse({"error": message, "code": status, "message": message, "reason": reason}, status)
