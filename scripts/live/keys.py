"""TLS keys of the tests, by the openssl command: an authority, the broker, clients good, expired and foreign."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from .fetch import Unavailable, run

DAYS = "3650"
CLIENTS = ("contrail", "stranger")

# `openssl x509` of version 3.0 cannot set a date in the past; `openssl ca` can, and wants a configuration.
CA_CONFIG = """
[ca]
default_ca = this
[this]
new_certs_dir = {folder}
database = {folder}/index.txt
rand_serial = yes
default_md = sha256
policy = anything
unique_subject = no
[anything]
commonName = supplied
"""


def make(folder: Path) -> None:
    """Makes all keys, unless they are there; each certificate as NAME.pem, its PKCS#8 key as NAME.key."""
    if folder.is_dir():
        return
    if not shutil.which("openssl"):
        raise Unavailable("no openssl: run scripts/setup test, or install it")
    fresh = Path(tempfile.mkdtemp(prefix=".keys-", dir=folder.parent))
    try:
        for authority in ("ca", "other-ca"):
            run(["openssl", "req", "-x509", *new_key(fresh, authority), "-days", DAYS,
                 "-out", f"{fresh}/{authority}.pem"], "openssl")
        signed(fresh, "broker", "ca", "subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        for client in CLIENTS:
            signed(fresh, client, "ca", "extendedKeyUsage=clientAuth\n")
        signed(fresh, "other", "other-ca", "extendedKeyUsage=clientAuth\n")
        expired(fresh)
        # The broker takes key and chain from one file.
        (fresh / "broker-store.pem").write_text((fresh / "broker.key").read_text() + (fresh / "broker.pem").read_text())
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def new_key(folder: Path, name: str, subject: str | None = None) -> list[str]:
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={subject or name}",
            "-keyout", f"{folder}/{name}.key"]


def signed(folder: Path, name: str, authority: str, extensions: str) -> None:
    request, extension_file = folder / f"{name}.csr", folder / f"{name}.ext"
    # The foreign client bears the right name: only its authority is wrong.
    subject = "contrail" if name == "other" else name
    run(["openssl", "req", "-new", *new_key(folder, name, subject), "-out", str(request)], "openssl")
    extension_file.write_text(extensions)
    run(["openssl", "x509", "-req", "-in", str(request), "-CA", f"{folder}/{authority}.pem",
         "-CAkey", f"{folder}/{authority}.key", "-CAcreateserial", "-days", DAYS, "-extfile", str(extension_file),
         "-out", f"{folder}/{name}.pem"], "openssl")


def expired(folder: Path) -> None:
    """A client `contrail` whose time is over."""
    request, config = folder / "expired.csr", folder / "ca.conf"
    run(["openssl", "req", "-new", *new_key(folder, "expired", "contrail"), "-out", str(request)], "openssl")
    config.write_text(CA_CONFIG.format(folder=folder))
    (folder / "index.txt").touch()
    run(["openssl", "ca", "-batch", "-notext", "-config", str(config), "-in", str(request),
         "-cert", f"{folder}/ca.pem", "-keyfile", f"{folder}/ca.key", "-startdate", "20200101000000Z",
         "-enddate", "20210101000000Z", "-out", f"{folder}/expired.pem"], "openssl")
