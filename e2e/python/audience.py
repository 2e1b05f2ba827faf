"""Watches lectures by WHEP with aiortc, for many learners at once.

Standard input has a line of JSON for each step: {"name", "url", "bearer"} lets somebody come, {"name", "leave": true} lets
them go. Standard output has one for each event, {"name", "event", "at"} with seconds since 1970: "playing" at the first
picture, "refused" with the "status", "size" with "width" and "height" when pictures of another size come, and "ended" with
the number of "pictures" and the "last" one's time when the server has ended it, or "left" with the same after a goodbye.

With AUDIENCE_BLIND=1, nothing is decoded, so that there can be many, and sizes are unknown.
"""

import asyncio
import json
import os
import sys
import time
import urllib.error
import urllib.request

from aiortc import RTCPeerConnection, RTCSessionDescription, rtcrtpreceiver
from aiortc.mediastreams import MediaStreamError

learners: dict[str, "Learner"] = {}


def say(name: str, event: str, **more) -> None:
    print(json.dumps({"name": name, "event": event, "at": time.time(), **more}), flush=True)


def pass_on(loop, waiting, ready, _error) -> None:
    """Takes the place of aiortc's decoder: each frame arrives as it is."""
    while (task := waiting.get()) is not None:
        asyncio.run_coroutine_threadsafe(ready.put(task), loop)
    asyncio.run_coroutine_threadsafe(ready.put(None), loop)


class Learner:
    def __init__(self, name: str) -> None:
        self.name = name
        self.peer = RTCPeerConnection()
        self.pictures = 0
        self.last = None
        self.session = None
        self.is_over = False
        self.is_leaving = False
        self.readers = []

    async def come(self, url: str, bearer: str) -> None:
        self.peer.on("track", lambda track: self.readers.append(asyncio.ensure_future(self.read(track))))
        self.peer.addTransceiver("video", direction="recvonly")
        self.peer.addTransceiver("audio", direction="recvonly")
        await self.peer.setLocalDescription(await self.peer.createOffer())
        headers = {"content-type": "application/sdp"}
        if bearer:
            headers["authorization"] = f"Bearer {bearer}"
        offer = urllib.request.Request(url, self.peer.localDescription.sdp.encode(), headers)
        try:
            with await asyncio.to_thread(urllib.request.urlopen, offer) as reply:
                answer, location = reply.read().decode(), reply.headers["location"]
        except urllib.error.HTTPError as refusal:
            await self.peer.close()
            say(self.name, "refused", status=refusal.code)
            return
        self.session = "/".join(url.split("/")[:3]) + location
        say(self.name, "answered", session=location)
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def read(self, track) -> None:
        size = None
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                break
            if track.kind != "video":
                continue
            self.last = time.time()
            self.pictures += 1
            if self.pictures == 1:
                say(self.name, "playing")
            seen = (getattr(frame, "width", None), getattr(frame, "height", None))
            if seen != size and seen[0] is not None:
                size = seen
                say(self.name, "size", width=size[0], height=size[1])
        if track.kind == "video":
            # The server's own goodbye may come before its answer to ours.
            await self.end("left" if self.is_leaving else "ended")

    async def end(self, event: str) -> None:
        if not self.is_over:
            self.is_over = True
            say(self.name, event, pictures=self.pictures, last=self.last)
            await self.peer.close()

    async def leave(self) -> None:
        if self.session is not None and not self.is_over:
            self.is_leaving = True
            goodbye = urllib.request.Request(self.session, method="DELETE")
            with await asyncio.to_thread(urllib.request.urlopen, goodbye):
                pass
        await self.end("left")


async def main() -> None:
    if os.environ.get("AUDIENCE_BLIND"):
        rtcrtpreceiver.decoder_worker = pass_on
    steps = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(steps), sys.stdin)
    running = set()
    while line := await steps.readline():
        step = json.loads(line)
        name = step["name"]
        if step.get("leave"):
            work = learners.pop(name).leave()
        else:
            learners[name] = Learner(name)
            work = learners[name].come(step["url"], step["bearer"])
        task = asyncio.ensure_future(work)
        running.add(task)
        task.add_done_callback(running.discard)


asyncio.run(main())
