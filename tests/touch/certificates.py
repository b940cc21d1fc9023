"""A certificate that nobody vouches for, made where it is needed."""

import shutil
import subprocess
from pathlib import Path

import pytest


def certificate(folder: Path, name: str) -> Path:
    """A certificate for a host and its key, in one file; `SSL_CERT_FILE` makes it trusted."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    return both
