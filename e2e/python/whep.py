"""Watches a lecture by WHEP with aiortc: whep.py URL BEARER SECONDS. Prints {"pictures": N, "sounds": N, "gap": S}."""

import asyncio
import json
import sys
import time

from aiortc import RTCPeerConnection, RTCSessionDescription

from negotiation import end, offer


async def main(url: str, bearer: str, seconds: float) -> None:
    peer = RTCPeerConnection()
    seen = {"pictures": 0, "sounds": 0, "gap": 0.0}
    readers = []

    async def read(track):
        last = None
        while True:
            await track.recv()
            now = time.monotonic()
            if track.kind == "video":
                seen["pictures"] += 1
                seen["gap"] = max(seen["gap"], now - last) if last else 0.0
                last = now
            else:
                seen["sounds"] += 1

    peer.on("track", lambda track: readers.append(asyncio.ensure_future(read(track))))
    peer.addTransceiver("video", direction="recvonly")
    peer.addTransceiver("audio", direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    answer, session = await asyncio.to_thread(offer, url, bearer, peer.localDescription.sdp)
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await asyncio.sleep(seconds)
    for reader in readers:
        reader.cancel()
    # A session that the peer has closed is gone.
    await asyncio.to_thread(end, session)
    await peer.close()
    print(json.dumps(seen))


asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
