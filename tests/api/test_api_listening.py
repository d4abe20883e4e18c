"""How an address is answered for, and how that ends."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from moorage.api import listening as module
from moorage.api.listening import listening

WITHIN_SECONDS = 15.0


async def test_the_end_is_not_waited_for_and_what_was_begun_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    However seldom the server looks around, it ends when it is to; who had asked is answered, and others find nobody.
    """
    monkeypatch.setattr(module, "_LOOK_SECONDS", 3600.0)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})

    async def ask(url: str) -> tuple[str, str]:
        async with session.get(url) as answer:
            return await answer.text(), answer.headers["Date"]

    async with asyncio.timeout(WITHIN_SECONDS), aiohttp.ClientSession() as session:
        async with listening("127.0.0.1:0", app) as address:
            asking = asyncio.create_task(ask(str(address)))
            await begun.wait()
            asyncio.get_running_loop().call_soon(go_on.set)
        text, date = await asking
        assert (text, date.endswith(" GMT")) == ("fine", True)
        with pytest.raises(aiohttp.ClientConnectionError):
            await ask(str(address))
