"""Helpers of the benches: their own MoocFlix, HTTP at little cost, figures as a table."""
import argparse
import base64
import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "bench" / ".cache"


def options(documentation):
    """A parser for a command line with `--bin`, described by the first paragraph of a bench's documentation."""
    parser = argparse.ArgumentParser(description=documentation.split("\n\n")[0])
    parser.add_argument("--bin", action="append", metavar="[NAME=]PATH", help="a program to measure instead of this clone's "
                        "release build; if given twice, both take turns: --bin before=PATH --bin after=PATH")
    return parser


def programs(given):
    """The programs to measure, by name."""
    if not given.bin:
        subprocess.run(["cargo", "build", "--release", "--locked", "-p", "moocflix"], cwd=ROOT, check=True)
        return {"moocflix": ROOT / "target" / "release" / "moocflix"}
    found = {}
    for word in given.bin:
        name, separator, path = word.partition("=")
        binary = Path(path if separator else name).resolve()
        found[name if separator else f"moocflix {len(found) + 1}"] = binary
        if not os.access(binary, os.X_OK):
            sys.exit(f"{binary} is not a program")
    if len(found) != len(given.bin):
        sys.exit("two programs have the same name")
    return found


def media(name, arguments):
    """Makes a file with ffmpeg, once."""
    path = CACHE / name
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        print(f"making {name}", file=sys.stderr, flush=True)
        part = path.with_name("part-" + path.name)
        quiet = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
        subprocess.run([*quiet, *arguments, str(part)], check=True)
        part.rename(path)
    return path


# Forty seconds of slides with a noisy talking head, then twenty of a full-frame moving picture.
SCENES = (
    "color=c=0xf4f1e8:s=1920x1080:r=25:d=40,drawgrid=w=240:h=135:c=0xd8d4c8,"
    r"drawtext=text=Lecture\ %{eif\\:n/300+1\\:d}:fontsize=110:x=120:y=90:fontcolor=0x204060,"
    r"drawtext=text=%{pts\\:hms}:fontsize=40:x=120:y=980:fontcolor=0x606060,"
    r"drawtext=text=for\ all\ x\ in\ %{eif\\:n/75*7919\\:d}\ there\ is\ a\ y:fontsize=56:x=160:y=300:fontcolor=0x303030,"
    r"drawtext=text=so\ that\ f(x)\ =\ %{eif\\:n/75*104729\\:d}:fontsize=56:x=160:y=400:fontcolor=0x303030[slide];"
    "testsrc2=s=560x420:r=25:d=40,hue=s=0.5,gblur=sigma=1.5,noise=alls=6:allf=t[head];"
    "[slide][head]overlay=x=1300+20*sin(t):y=600+10*cos(t*1.3)[talk];"
    "testsrc2=s=1280x720:r=25:d=20,noise=alls=5:allf=t,gblur=sigma=1,scale=2880:1620,"
    "crop=1920:1080:x=480+400*sin(t/2):y=270+200*cos(t/3)[film];[talk][film]concat=n=2,format=yuv420p"
)


def lecture(kind, minutes):
    """A lecture of 1920 × 1080 at 25 frames per second with audio: H.264 in `mp4` or HEVC in `mkv`; one minute, repeated."""
    h264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-g", "125", "-an"]
    minute = media("lecture-minute.mp4", ["-filter_complex", SCENES, *h264])
    if kind == "mkv":
        h265 = ["-c:v", "libx265", "-preset", "ultrafast", "-crf", "26", "-x265-params", "log-level=error:keyint=250", "-an"]
        minute = media("lecture-minute.mkv", ["-i", str(minute), *h265])
    sound = f"anoisesrc=color=pink:amplitude=0.05:r=48000:d={60 * minutes}"
    parts = ["-stream_loop", str(minutes - 1), "-i", str(minute), "-f", "lavfi", "-i", sound]
    return media(f"lecture-{minutes}.{kind}", [*parts, "-c:v", "copy", "-c:a", "aac", "-b:a", "128k", "-ac", "2"])


def film():
    """Twelve seconds of H.264 and AAC, which play without being encoded."""
    return media("film.mp4", [
        "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=12", "-f", "lavfi", "-i", "sine=d=12", "-pix_fmt", "yuv420p",
        "-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-c:a", "aac", "-b:a", "64k", "-ac", "2", "-movflags", "+faststart",
    ])


class Process:
    """A server process and its resource usage."""

    def __init__(self, command, environment=None, log=None):
        self.log = log or tempfile.NamedTemporaryFile(prefix="bench-", suffix=".log", delete=False).name
        self.out = open(self.log, "w+")
        environment = {**os.environ, **(environment or {})}
        self.child = subprocess.Popen(command, stdout=self.out, stderr=subprocess.STDOUT, env=environment)

    def cpu(self, children=False):
        """CPU seconds of all threads, including ended ones; with `children`, also of ended child processes."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(int(it) for it in fields[11 : 15 if children else 13]) / os.sysconf("SC_CLK_TCK")

    def memory(self, name):
        """A field of /proc/PID/status, in MiB."""
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) / 1024
        return 0.0

    def output(self):
        return Path(self.log).read_text(errors="replace")

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.out.close()
        os.unlink(self.log)


class Moocflix:
    """A server on a new data folder with one instructor."""

    def __init__(self, binary, settings=None):
        CACHE.mkdir(parents=True, exist_ok=True)
        self.binary, self.settings = binary, settings
        self.folder = tempfile.TemporaryDirectory(prefix="data-", dir=CACHE)
        self.start()
        password, email = secrets.token_urlsafe(16), "bench@example.org"
        words = [str(binary), "user", "create", "--email", email, "--name", "Bench", "--role", "instructor"]
        words += ["--password-stdin"]
        environment = {**os.environ, **(settings or {}), "MOOCFLIX_DATA_DIR": self.folder.name}
        subprocess.run(words, input=password, text=True, check=True, env=environment, stdout=subprocess.DEVNULL)
        self.sign_in = {"email": email, "password": password}
        self.token, self.until = "", 0.0

    def start(self):
        """Starts the process on its data folder."""
        words = [str(self.binary), "serve", "--data-dir", self.folder.name, "--listen", "127.0.0.1:0"]
        self.process = Process(words, self.settings)
        while "listening on http://" not in self.process.output():
            if self.process.child.poll() is not None:
                sys.exit(self.process.output())
            time.sleep(0.02)
        address = self.process.output().split("listening on http://")[1].split()[0]
        self.host, port = address.split(":")
        self.port = int(port)
        self.wire = http.client.HTTPConnection(self.host, self.port)
        self.used = 0.0

    def ask(self, method, path, body=None, headers=None):
        """Sends one request on a persistent connection; returns status, headers, body."""
        if time.monotonic() - self.used > 5:
            self.wire.close()  # the server closes idle connections; the next request reopens it
        self.used = time.monotonic()
        self.wire.request(method, path, body, headers or {})
        answer = self.wire.getresponse()
        return answer.status, answer.headers, answer.read()

    def bearer(self):
        """A header with a token that is valid for at least a minute."""
        if time.monotonic() > self.until:
            kind = {"Content-Type": "application/json"}
            status, _, body = self.ask("POST", "/api/v1/users/login", json.dumps(self.sign_in), kind)
            assert status == 200, body
            tokens = json.loads(body)
            self.token, self.until = tokens["access_token"], time.monotonic() + tokens["expires_in"] - 60
        return {"Authorization": "Bearer " + self.token}

    def create(self, length):
        """Creates an upload; returns its id and its path."""
        name = base64.b64encode(b"bench.mp4").decode()
        headers = {**self.bearer(), "Tus-Resumable": "1.0.0", "Upload-Length": str(length)}
        status, headers, body = self.ask("POST", "/api/v1/content/upload", b"", {**headers, "Upload-Metadata": f"filename {name}"})
        assert status == 201, body
        return json.loads(body)["id"], headers["Location"]

    def upload(self, path, last=1 << 20):
        """Uploads a file, with `last` bytes in the last PATCH; returns its id and when its last byte was sent."""
        size = path.stat().st_size
        video, url = self.create(size)
        wire = Patch(self.host, self.port)
        with open(path, "rb") as file:
            if size > last:
                wire.send(url, file, 0, size - last)
                wire.answer()
            begun = wire.send(url, file, max(0, size - last), min(size, last))
        wire.answer()
        wire.close()
        return video, begun

    def video(self, video):
        """Returns a lecture's details."""
        while True:
            status, _, body = self.ask("GET", f"/api/v1/content/{video}", None, self.bearer())
            if status != 503:
                break
            # An overloaded machine may answer 503, which is no reason to abandon minutes of work.
            print(json.loads(body)["detail"], file=sys.stderr, flush=True)
            time.sleep(1)
        assert status == 200, body
        return json.loads(body)

    def delete(self, video):
        status, _, body = self.ask("DELETE", f"/api/v1/content/{video}/delete", None, self.bearer())
        assert status == 202, body

    def stop(self):
        self.wire.close()
        self.process.stop()
        self.folder.cleanup()


@contextlib.contextmanager
def servers(binaries, settings=None):
    """Starts a server of each program, by name."""
    with contextlib.ExitStack() as stack:
        running = {}
        for name, binary in binaries.items():
            running[name] = Moocflix(binary, settings)
            stack.callback(running[name].stop)
        yield running


def encoders(process):
    """The command lines of the video encoders that run below a server."""
    parents, commands = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            commands[int(folder.name)] = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        except (OSError, ValueError):
            continue  # the process has ended

    def below(pid):
        while pid in parents:
            pid = parents[pid]
            if pid == process.child.pid:
                return True
        return False

    # An encoder's guard has the same words behind its own.
    return [words for pid, words in commands.items() if words[:1] == ["ffmpeg"] and "-filter_complex" in words and below(pid)]


class Patch:
    """Sends PATCHes with sendfile, so that the client costs almost nothing."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host = f"{host}:{port}"

    def send(self, path, file, offset, count):
        """Sends a part of a file; returns when its last byte was sent."""
        head = (
            f"PATCH {path} HTTP/1.1\r\nHost: {self.host}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n"
            f"Content-Type: application/offset+octet-stream\r\nContent-Length: {count}\r\n\r\n"
        )
        self.socket.sendall(head.encode())
        self.socket.settimeout(None)
        end = offset + count
        while offset < end:
            offset += os.sendfile(self.socket.fileno(), file.fileno(), offset, end - offset)
        return time.perf_counter()

    def answer(self):
        answer = http.client.HTTPResponse(self.socket, method="PATCH")
        answer.begin()
        body = answer.read()
        assert answer.status == 204, (answer.status, body)

    def close(self):
        self.socket.close()


def percentile(values, share):
    """The percentile of some values, by nearest rank."""
    values = sorted(values)
    return values[max(0, -(-len(values) * share // 100) - 1)]


def table(head, rows):
    """Prints rows in columns."""
    cells = [head, *[[str(it) for it in row] for row in rows]]
    widths = [max(len(row[at]) for row in cells) for at in range(len(head))]
    for number, row in enumerate(cells):
        first, *rest = [cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join([first, *rest]))
        if number == 0:
            print("  ".join("-" * width for width in widths))
