"""The route of the admin API that the console's charts are drawn from."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headrace.serving.live.recorder import LiveRecorder


def routes(recorder: LiveRecorder) -> list[Route]:
    """`GET /admin/v1/live`: the last ten minutes; with `?after=TICK&instance=ID` what came since an earlier answer."""

    async def live(request: Request) -> Response:
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdecimal() and len(after) < 16):
            message = f"after={after[:40]!r} is no tick; expected the number `tick` of an earlier answer"
            return Response(orjson.dumps({"error": message}), 400, media_type="application/json")
        found = recorder.read(int(after), request.query_params.get("instance", ""))
        return Response(orjson.dumps(found), headers={"cache-control": "no-store"}, media_type="application/json")

    return [Route("/admin/v1/live", live, methods=["GET"])]
