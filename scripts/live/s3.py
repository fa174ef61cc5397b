"""versitygw, an S3 store over a folder: path style, signatures checked; its objects survive a stop or a kill."""

from __future__ import annotations

import os
import urllib.request

from . import fetch
from .fetch import Unavailable
from .process import Process, is_free
from .state import State

PACKAGE, VERSION = "github.com/versity/versitygw/cmd/versitygw", "v1.8.0"
API = 6
REGION, BUCKET = "us-east-1", "contrail"
ACCESS_KEY = "contrail"
# Cannot be a bucket's name: those have three letters or more.
HEALTH = "/ok"


class S3:
    """The store, with one bucket."""

    name = "s3"

    def __init__(self, state: State) -> None:
        self.state = state
        self.folder = state.folder / "s3"
        # Each folder in it is a bucket, each file below an object; what S3 knows besides stands in extended attributes.
        self.data = self.folder / "data"
        self.process = Process("s3", self.folder, mark=str(self.data))
        self.endpoint = f"http://127.0.0.1:{state.port(API)}"
        self.secret_key = state.passwords["contrail"]

    def healthy(self) -> bool:
        if self.process.pid() is None:
            return False
        try:
            with urllib.request.urlopen(f"{self.endpoint}{HEALTH}", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def spawn(self) -> None:
        program = fetch.cached("versitygw", VERSION, lambda folder: fetch.go_program(PACKAGE, VERSION, folder))
        if not is_free(port := self.state.port(API)):
            raise Unavailable(f"another program has port {port}, which the store of {self.state.name} needs")
        (self.data / BUCKET).mkdir(parents=True, exist_ok=True)
        keys = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": self.secret_key}
        # Its own environment alone: variables named VGW_... would be options, AWS's own names would be keys.
        kept = {name: value for name in ("PATH", "HOME", "TMPDIR") if (value := os.environ.get(name))}
        self.process.spawn(
            [str(program / "versitygw"), "--quiet", "--port", f"127.0.0.1:{port}", "--region", REGION,
             "--health", HEALTH, "posix", str(self.data)],
            env={**kept, **keys},
        )

    def env(self) -> dict[str, str]:
        return {
            "S3_ENDPOINT": self.endpoint,
            "S3_REGION": REGION,
            "S3_BUCKET": BUCKET,
            "S3_ACCESS_KEY": ACCESS_KEY,
            "S3_SECRET_KEY": self.secret_key,
            "S3_PID": str(self.process.pid()),
        }
