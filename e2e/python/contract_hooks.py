"""Teaches schemathesis this API; `contract.py` names this module in SCHEMATHESIS_HOOKS.

Requests carry a sign-in. Requests that end a sign-in, or that change an account or its roles, use a separate account,
so that the run continues: schemathesis also tries ids that earlier answers contained.
Half of the valid requests about a lecture, a course or a person name one that exists; requests that follow a link name the
resource that the linked request created.
"""

import functools
import itertools
import os
import pathlib
import random
import threading
import uuid

import requests
import schemathesis

BASE = os.environ["CONTRACT_BASE"]
EMAIL, PASSWORD = os.environ["CONTRACT_EMAIL"], os.environ["CONTRACT_PASSWORD"]
SAMPLE = pathlib.Path(os.environ["CONTRACT_SAMPLE"]).read_bytes()
UPLOADS, LECTURES, PEOPLE = "/api/v1/content/upload", "/api/v1/content", "/api/v1/users"
COURSES = "/api/v1/courses"
OWN_ACCOUNT = {f"{PEOPLE}/{action}" for action in ("logout", "deactivate", "password/change", "profile")}
ROLES = PEOPLE + "/{id}/roles"

chance = random.Random(int(os.environ["CONTRACT_SEED"]))
numbers = itertools.count(1)
lock = threading.Lock()
made = {}


@schemathesis.serializer("application/offset+octet-stream", "video/mp4", "application/octet-stream")
def as_bytes(context, value):
    return value if isinstance(value, bytes) else str(value).encode()


def ask(method, path, **more):
    answer = requests.request(method, BASE + path, timeout=60, **more)
    answer.raise_for_status()
    return answer


def login(email):
    return ask("POST", f"{PEOPLE}/login", json={"email": email, "password": PASSWORD}).json()["access_token"]


def newcomer():
    """A new account: its address and its id."""
    with lock:
        email = f"contract{next(numbers)}.{EMAIL}"
    body = {"email": email, "password": PASSWORD, "name": "Contract"}
    return email, ask("POST", f"{PEOPLE}/signup", json=body).json()["id"]


def lecture():
    """A lecture with a stored file."""
    bearer = {"Authorization": f"Bearer {login(EMAIL)}", "Content-Type": "video/mp4"}
    return ask("POST", UPLOADS, data=SAMPLE, headers=bearer).json()["id"]


def upload():
    """An upload that waits for its bytes."""
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(SAMPLE)), "Authorization": f"Bearer {login(EMAIL)}"}
    return ask("POST", UPLOADS, headers=headers).json()["id"]


def course():
    """A course of the account that the run signs in with: a draft with one module."""
    bearer = {"Authorization": f"Bearer {login(EMAIL)}"}
    course = ask("POST", COURSES, json={"title": "Contract"}, headers=bearer).json()["id"]
    module = ask("POST", f"{COURSES}/{course}/modules", json={"title": "One"}, headers=bearer).json()["id"]
    return course, module


@functools.cache
def own_id():
    profile = ask("GET", f"{PEOPLE}/profile", headers={"Authorization": f"Bearer {login(EMAIL)}"})
    return uuid.UUID(profile.json()["id"])


def is_own(text):
    """Whether a path parameter is the id of the account that the run signs in with, in whatever spelling."""
    try:
        return uuid.UUID(str(text)) == own_id()
    except ValueError:
        return False


def one(kind, make, used_up):
    """A resource that was made before, or a new one if the request may use it up."""
    if used_up or kind not in made:
        made[kind] = make()
    return made.pop(kind) if used_up else made[kind]


@schemathesis.auth(refresh_interval=120)
class SignedIn:
    def get(self, case, context):
        return login(EMAIL)

    def set(self, case, data, context):
        token = login(newcomer()[0]) if case.operation.path in OWN_ACCOUNT else data
        case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.hook
def before_call(context, case, kwargs):
    valid = case.meta is None or case.meta.generation.mode.is_positive
    linked = case.meta is not None and case.meta.phase.name.value == "stateful"
    path, method = case.operation.path, case.operation.method.upper()
    if path == ROLES and is_own((case.path_parameters or {}).get("id")):
        case.path_parameters["id"] = one("person", lambda: newcomer()[1], False)
    if not valid or (chance.random() < 0.5 and not linked):
        return
    if path == UPLOADS and method == "POST":
        case.body, case.media_type = SAMPLE, "video/mp4"
        for name in ("Tus-Resumable", "Upload-Length", "Upload-Metadata"):
            case.headers.pop(name, None)
        case.headers["Content-Type"] = "video/mp4"
    elif linked:
        return
    elif path.startswith(UPLOADS + "/"):
        case.path_parameters["video_id"] = one("upload", upload, method == "DELETE")
    elif "{video_id}" in path:
        case.path_parameters["video_id"] = one("lecture", lecture, method == "DELETE")
    elif "{course_id}" in path:
        case.path_parameters["course_id"], module = one("course", course, method == "DELETE")
        if "module_id" in case.path_parameters:
            case.path_parameters["module_id"] = module
    elif path == ROLES:
        case.path_parameters["id"] = one("person", lambda: newcomer()[1], False)
