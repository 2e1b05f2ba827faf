"""MediaMTX, the peer of live lectures: built once from its Go module, and run with a login for each viewer."""
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from moocflix import CACHE, Process

MODULE, VERSION = "github.com/bluenviron/mediamtx", "v1.20.0"
# Its own pin of a library for SRT, which is off here, is not on the module proxy; that of the next release is.
SRT, SRT_VERSION = "github.com/datarhei/gosrt", "v0.11.1-0.20260812091715-a77b40bb4b76"

CONFIGURATION = """\
logLevel: warn
rtsp: no
rtmp: no
srt: no
moq: no
hls: yes
hlsAddress: 127.0.0.1:{hls}
hlsVariant: lowLatency
hlsSegmentDuration: 1s
hlsPartDuration: 200ms
webrtc: yes
webrtcAddress: 127.0.0.1:{webrtc}
webrtcLocalUDPAddress: 127.0.0.1:{udp}
webrtcIPsFromInterfaces: no
webrtcAdditionalHosts: [127.0.0.1]
authMethod: internal
authInternalUsers:
{users}
paths:
  all_others:
"""


def go(folder, *words):
    environment = {**os.environ, "CGO_ENABLED": "0"}
    return subprocess.run(["go", *words], cwd=folder, check=True, env=environment, capture_output=words[0] == "mod", text=True).stdout


def build():
    """Builds it; the proxy serves its source without the two files that a generator would load from elsewhere."""
    path = CACHE / f"mediamtx-{VERSION}"
    if path.exists():
        return path
    if not shutil.which("go"):
        sys.exit("building MediaMTX requires Go")
    print("building MediaMTX", file=sys.stderr, flush=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        module = json.loads(go(folder, "mod", "download", "-json", f"{MODULE}@{VERSION}"))["Dir"]
        source = Path(folder) / "source"
        shutil.copytree(module, source, copy_function=shutil.copy)
        for place in [source, *source.rglob("*")]:
            place.chmod(place.stat().st_mode | 0o200)
        (source / "internal/core/VERSION").write_text(VERSION)
        # The player of its page, which nothing here opens.
        (source / "internal/servers/hls/hls.min.js").write_text("")
        go(source, "mod", "edit", "-dropreplace", SRT)
        go(source, "mod", "edit", "-replace", f"{SRT}={SRT}@{SRT_VERSION}")
        go(source, "build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", str(path), ".")
    return path


def free(kind):
    """A port that is free now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def basic(name):
    return "Basic " + base64.b64encode(f"{name}:secret".encode()).decode()


class MediaMtx:
    """A server with one lecture, which anybody with a login may watch."""

    def __init__(self, binary, people):
        self.binary, self.people, self.process = binary, people, None
        self.publisher, self.logins = basic("publisher"), [basic(f"viewer{number}") for number in range(people)]

    def begin(self, _prepared=False):
        """Starts a new process."""
        self.ports = {"hls": free(socket.SOCK_STREAM), "webrtc": free(socket.SOCK_STREAM), "udp": free(socket.SOCK_DGRAM)}
        names = [("publisher", "publish"), *((f"viewer{number}", "read") for number in range(self.people))]
        users = "\n".join(f"- {{user: {name}, pass: secret, permissions: [{{action: {action}}}]}}" for name, action in names)
        with tempfile.NamedTemporaryFile("w", prefix="mediamtx-", suffix=".yml", dir=CACHE) as file:
            file.write(CONFIGURATION.format(users=users, **self.ports))
            file.flush()
            self.process = Process([str(self.binary), file.name])
            for port in (self.ports["hls"], self.ports["webrtc"]):
                self.await_port(port)
        base = f"http://127.0.0.1:{self.ports['webrtc']}/lecture"
        self.whip, self.whep = f"{base}/whip", f"{base}/whep"
        self.hls = f"http://127.0.0.1:{self.ports['hls']}/lecture/index.m3u8"

    def await_port(self, port):
        while True:
            if self.process.child.poll() is not None:
                sys.exit(self.process.output())
            try:
                return socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                time.sleep(0.02)

    def finish(self):
        self.process.stop()

    def stop(self):
        pass
