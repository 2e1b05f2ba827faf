"""Publishes a moving picture and silence by WHIP with aiortc: whip.py URL BEARER SECONDS. Prints the session's address."""

import asyncio
import sys

from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from av import VideoFrame

from negotiation import offer


class Picture(VideoStreamTrack):
    """Gray, a little lighter with each frame."""

    def __init__(self):
        super().__init__()
        self.shade = 0

    async def recv(self):
        when, base = await self.next_timestamp()
        frame = VideoFrame(width=320, height=180, format="yuv420p")
        self.shade = (self.shade + 1) % 200
        for plane in frame.planes:
            plane.update(bytes([self.shade]) * plane.buffer_size)
        frame.pts, frame.time_base = when, base
        return frame


async def main(url: str, bearer: str, seconds: float) -> None:
    peer = RTCPeerConnection()
    video = peer.addTransceiver(Picture(), direction="sendonly")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    video.setCodecPreferences([codec for codec in codecs if codec.mimeType == "video/H264"])
    peer.addTransceiver(AudioStreamTrack(), direction="sendonly")
    await peer.setLocalDescription(await peer.createOffer())
    answer, session = await asyncio.to_thread(offer, url, bearer, peer.localDescription.sdp)
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    print(session, flush=True)
    await asyncio.sleep(seconds)
    await peer.close()


asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
