"""Offers by WHIP and WHEP, as a client does that follows its server's redirects."""

import urllib.error
import urllib.parse
import urllib.request


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


_OPENER = urllib.request.build_opener(_Stay)


def offer(url: str, bearer: str, sdp: str) -> tuple[str, str]:
    """The answer and the session's address. The bearer is for the first server alone."""
    headers = {"content-type": "application/sdp", "authorization": f"Bearer {bearer}"}
    for _ in range(3):
        try:
            with _OPENER.open(urllib.request.Request(url, sdp.encode(), headers)) as reply:
                return reply.read().decode(), urllib.parse.urljoin(url, reply.headers["location"])
        except urllib.error.HTTPError as reply:
            if reply.code != 307:
                raise RuntimeError(f"{reply.code}: {reply.read().decode()}") from reply
            url = urllib.parse.urljoin(url, reply.headers["location"])
            headers.pop("authorization", None)
    raise RuntimeError("too many redirects")


def end(session: str) -> None:
    urllib.request.urlopen(urllib.request.Request(session, method="DELETE")).close()
