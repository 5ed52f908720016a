"""Assembles the demo image's server: server-ARCH.S to server-ARCH.bin, the very bytes that the image holds.

The .bin files are kept in the tree, so the demo needs no assembler; a test assembles again and compares. Each source
resolves every address itself, so nothing but the encoding of the instructions decides the bytes.

    script/image/build.py            writes server-amd64.bin and server-arm64.bin
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}  # the engine's name: the kernel's name


class NoAssemblerError(Exception):
    """This machine has no assembler for the architecture."""


def assemble(architecture: str) -> bytes:
    """The program for "amd64" or "arm64", made from its source. Raises NoAssemblerError, CalledProcessError."""
    prefix = tool_prefix(architecture)
    with tempfile.TemporaryDirectory() as folder:
        assembled, program = Path(folder, "server.o"), Path(folder, "server.bin")
        subprocess.run([f"{prefix}as", "-o", assembled, HERE / f"server-{architecture}.S"], check=True)
        subprocess.run([f"{prefix}objcopy", "-O", "binary", "-j", ".text", assembled, program], check=True)
        return program.read_bytes()


def tool_prefix(architecture: str) -> str:
    """What stands before `as` and `objcopy`: "" for the machine's own architecture, else the cross tools' prefix."""
    machine = ARCHITECTURES[architecture]
    prefix = "" if platform.machine() == machine else f"{machine}-linux-gnu-"
    if shutil.which(f"{prefix}as") and shutil.which(f"{prefix}objcopy"):
        return prefix
    package = "binutils" if not prefix else f"binutils-{machine.replace('_', '-')}-linux-gnu"
    raise NoAssemblerError(f"no assembler for {architecture}: apt-get install {package}")


def main() -> int:
    for architecture in ARCHITECTURES:
        try:
            program = assemble(architecture)
        except NoAssemblerError as missing:
            print(missing, file=sys.stderr)
            return 1
        (HERE / f"server-{architecture}.bin").write_bytes(program)
        print(f"server-{architecture}.bin: {len(program)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
