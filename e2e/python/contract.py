"""Runs schemathesis over the OpenAPI document of a server, and fails if the server deviates from it.

Usage: contract.py BASE EMAIL PASSWORD SAMPLE SEED EXAMPLES
SAMPLE is a small media file, EXAMPLES the highest number of requests to an operation in each phase.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
# The media plane takes no bearer token, event streams never end, and WebRTC speaks SDP; other scenarios cover them.
LEFT_OUT = "^/p/|/events$|/whip|/whep$"


def main():
    base, email, password, sample, seed, examples = sys.argv[1:]
    environment = dict(
        os.environ,
        CONTRACT_BASE=base,
        CONTRACT_EMAIL=email,
        CONTRACT_PASSWORD=password,
        CONTRACT_SAMPLE=sample,
        CONTRACT_SEED=seed,
        SCHEMATHESIS_HOOKS="contract_hooks",
        PYTHONPATH=str(HERE),
        PYTHONDONTWRITEBYTECODE="1",
    )
    run = [pathlib.Path(sys.executable).with_name("schemathesis"), "--config-file", HERE / "schemathesis.toml"]
    run += ["run", f"{base}/openapi.json", "--exclude-path-regex", LEFT_OUT, "--seed", seed, "--max-examples", examples]
    run += ["--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off", "--no-color"]
    run += ["--generation-database", "none"]
    # It writes a folder of its own into the one that it runs in.
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(subprocess.run(run, env=environment, cwd=folder).returncode)


main()
