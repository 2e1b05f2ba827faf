#!/usr/bin/env python3
"""Makes the archive of data directories that a version of MoocFlix left behind when it was killed:

    e2e/python/version_before.py PROGRAM [ARCHIVE=e2e/data/version-before.tar.gz]

PROGRAM is that version's binary. The scenario `version_before` starts the present program on the archive's content.
Run it by hand, once per version, and commit the archive. Needs ffmpeg, SQLite's Python module and PostgreSQL.

The archive has one data directory for each database (`sqlite`, and `postgres` with its `dump.sql`), and `facts.json`
with what a client of that server knew. Each directory has three accounts, one more that no event has announced yet, a
lecture that plays without encoding, one that is half encoded (its worker was killed in the middle of a piece), and half
an upload."""
import base64
import contextlib
import http.client
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
POSTGRES = ROOT / "platform/backing/tests/postgres.sh"
# The lecture is encoded to these sizes, at a pace of one piece per second.
SETTINGS = {"MOOCFLIX_CONTENT__TRANSCODE__RUNGS": "36,54", "MOOCFLIX_CONTENT__TRANSCODE__SLOTS": "1"}
SLOW = '#!/bin/sh\ncase "$*" in *filter_complex*) sleep 1 ;; esac\nexec /usr/bin/ffmpeg "$@"\n'
PATIENCE = 60


def until(what, holds, pause=0.02):
    begun = time.monotonic()
    while not (found := holds()):
        if time.monotonic() - begun > PATIENCE:
            sys.exit(f"waited in vain: {what}")
        time.sleep(pause)
    return found


def made(folder, name, size, rate, seconds, flash, codecs):
    """A file that flashes and beeps once, and is otherwise silent and nearly still, so that it is small."""
    when = f"gte(t,{flash - 0.0005})*lt(t,{flash + 0.1995})"
    picture = f"testsrc2=size={size}:rate={rate}:duration={seconds},drawbox=c=white:t=fill:enable='{when}'"
    sound = f"aevalsrc=exprs='0.6*sin(2*PI*1000*t)*({when})':sample_rate=48000:duration={seconds}"
    path = Path(folder, name)
    words = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-f", "lavfi", "-i", picture]
    subprocess.run([*words, "-f", "lavfi", "-i", sound, *codecs, str(path)], check=True)
    return path


class Server:
    """A process of MoocFlix and a client of it."""

    def __init__(self, program, data, roles, settings, path=None):
        environment = {**os.environ, **SETTINGS, **settings, **({"PATH": path} if path else {})}
        self.log = tempfile.TemporaryFile("w+")
        words = [program, "serve", "--data-dir", data, "--listen", "127.0.0.1:0", "--roles", roles]
        self.child = subprocess.Popen(words, stdout=self.log, stderr=subprocess.STDOUT, env=environment)
        self.address = until("listening", self.listening)
        self.token = ""

    def listening(self):
        self.log.seek(0)
        output = self.log.read()
        if self.child.poll() is not None:
            sys.exit(output)
        return "listening on http://" in output and output.split("listening on http://")[1].split()[0]

    def ask(self, method, path, body=b"", headers=None):
        wire = http.client.HTTPConnection(self.address)
        bearer = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        wire.request(method, path, body, {**bearer, **(headers or {})})
        answer = wire.getresponse()
        output = answer.read()
        assert answer.status < 300, (method, path, answer.status, output)
        wire.close()
        return answer.headers, json.loads(output) if output else None

    def login(self, account):
        sign_in = json.dumps({"email": account["email"], "password": account["password"]})
        _, tokens = self.ask("POST", "/api/v1/users/login", sign_in, {"Content-Type": "application/json"})
        self.token = tokens["access_token"]

    def upload(self, path, title):
        kind = {"Content-Type": "video/mp4"}
        return self.ask("POST", f"/api/v1/content/upload?title={title}", path.read_bytes(), kind)[1]["id"]

    def begin(self, whole, count):
        """Uploads the first bytes of a file; returns the upload's id and its path with the key."""
        name = base64.b64encode(b"half.mp4").decode()
        tus = {"Tus-Resumable": "1.0.0"}
        length = {"Upload-Length": str(len(whole)), "Upload-Metadata": f"filename {name}"}
        headers, video = self.ask("POST", "/api/v1/content/upload", b"", {**tus, **length})
        kind = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        self.ask("PATCH", headers["Location"], whole[:count], {**tus, **kind})
        return video["id"], headers["Location"]

    def status(self, video):
        return self.ask("GET", f"/api/v1/content/{video}")[1]["status"]

    def stop(self, killed):
        (self.child.kill if killed else self.child.terminate)()
        self.child.wait()


class Sqlite:
    """The services' databases in the data directory."""

    name, settings = "sqlite", {}

    def __init__(self, data):
        self.data = data

    def number(self, service, query):
        with contextlib.closing(sqlite3.connect(Path(self.data, f"{service}.sqlite"))) as db:
            return db.execute(query).fetchone()[0]

    def dump(self):
        pass


class Postgres:
    """The services' schemas in a PostgreSQL database."""

    name = "postgres"

    def __init__(self, data, url):
        self.data, self.url = data, url
        self.settings = {"MOOCFLIX_DATABASE_URL": url}

    def number(self, service, query):
        command = f"SET search_path = {service}; {query}"
        return int(subprocess.run(["psql", self.url, "-Atqc", command], check=True, capture_output=True, text=True).stdout)

    def dump(self):
        path = Path(self.data, "dump.sql")
        subprocess.run(["pg_dump", "--no-owner", "--file", str(path), self.url], check=True)


def account(program, data, settings, role, name):
    """Creates an account with the command line."""
    new = {"email": f"{name}@example.org", "password": f"before {name} and after", "role": role}
    words = [program, "user", "create", "--data-dir", data, "--email", new["email"], "--name", name.title(), "--role", role]
    environment = {**os.environ, **settings}
    output = subprocess.run([*words, "--password-stdin"], input=new["password"] + "\n", text=True, env=environment, capture_output=True)
    assert output.returncode == 0, output.stderr
    return new


def left_behind(program, database, media, slow):
    """Fills a data directory and kills the processes that work on it; returns what a client knew."""
    data, settings = database.data, database.settings
    front = Server(program, data, "users,content,web", settings)
    names = {"admin": "admin", "instructor": "instructor", "learner": "learner"}
    accounts = {name: account(program, data, settings, role, name) for name, role in names.items()}
    front.login(accounts["instructor"])

    worker = Server(program, data, "transcode", settings)
    instant = front.upload(media["instant"], "Instant")
    until("the instant lecture", lambda: front.status(instant) == "ready")
    worker.stop(killed=False)

    whole = media["instant"].read_bytes()
    upload, url = front.begin(whole, len(whole) // 2)
    worker = Server(program, data, "transcode", settings, f"{slow}:{os.environ['PATH']}")
    half = front.upload(media["lecture"], "Half")
    until("the plan", lambda: database.number("content", "SELECT count(*) FROM plans") == 2)
    # From here on nobody hears of what the worker publishes.
    front.stop(killed=True)
    until("two pieces", lambda: pieces(database) >= 2)
    worker.stop(killed=True)
    accounts["late"] = account(program, data, settings, "learner", "late")

    waiting = database.number("content", "SELECT count(*) FROM tasks WHERE state IN ('waiting', 'running')")
    events = {it: database.number(it, "SELECT count(*) FROM outbox") for it in ("users", "content")}
    print(f"{database.name}: {pieces(database)} pieces, {waiting} tasks, {events} events", file=sys.stderr)
    assert waiting >= 3 and all(events.values()) and pieces(database) == 2
    database.dump()
    return {
        "accounts": accounts, "instant": instant, "half": half, "pieces": 2, "events": events,
        "upload": {"id": upload, "url": url, "offset": len(whole) // 2, "length": len(whole)},
        "now": int(time.time()) + 60,  # when the leases of the killed processes have expired
    }


def pieces(database):
    """The number of the lecture's published video pieces; the other plan's renditions have one piece each."""
    plan = "SELECT max(created_at) FROM plans"
    query = f"SELECT count(*) FROM pieces WHERE rendition <> 'audio' AND published_at > ({plan})"
    return database.number("content", query)


def main():
    program = str(Path(sys.argv[1]).resolve())
    archive = Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / "e2e/data/version-before.tar.gz")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        os.chmod(folder, 0o755)
        small = ["-pix_fmt", "yuv420p", "-g", "50", "-ac", "1"]
        # below the largest size and at a higher rate than the sizes below it, or no playlist lists it
        h264 = ["-c:v", "libx264", "-crf", "20", *small, "-c:a", "aac", "-b:a", "16k", "-movflags", "+faststart"]
        h265 = ["-c:v", "libx265", "-crf", "36", "-x265-params", "log-level=error", *small, "-c:a", "libopus", "-b:a", "6k"]
        media = {
            "instant": made(folder, "instant.mp4", "96x54", 10, 6, 1, h264),
            "lecture": made(folder, "lecture.mkv", "64x48", 5, 60, 10, h265),
        }
        slow = Path(folder, "slow")
        slow.mkdir()
        (slow / "ffmpeg").write_text(SLOW)
        (slow / "ffmpeg").chmod(0o755)
        server = Path(folder, "server")
        url = subprocess.run([POSTGRES, "start", server], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]
        stack.callback(subprocess.run, [POSTGRES, "stop", server], check=True)
        facts, left = {}, Path(folder, "left")
        for database in (Sqlite(str(left / "sqlite")), Postgres(str(left / "postgres"), url)):
            facts[database.name] = left_behind(program, database, media, slow)
        (left / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive, "w:gz", compresslevel=9) as tar:
            for name in sorted(os.listdir(left)):
                tar.add(left / name, name)
    print(f"{archive}: {archive.stat().st_size / 1e3:.0f} kB", file=sys.stderr)


main()
