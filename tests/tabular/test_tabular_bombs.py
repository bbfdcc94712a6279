"""Files made to exhaust a reader are refused at once and in little memory: in a process of their own, measured."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

from labloop.errors import InvalidInput
from labloop.tabular import taken

LIMIT_S = 2.0
LIMIT_MB = 200


def refused(path: Path) -> tuple[str, float, float]:
    """Read a file in a fresh process; return the refusal, and the seconds and megabytes that reading it took."""
    code = (
        "import json, sys, time\n"
        "import openpyxl\n"
        "from pathlib import Path\n"
        "from labloop.errors import LabloopError\n"
        "from labloop.tabular import read_table\n"
        # Not getrusage's: that begins with what the parent had when it forked.
        "status = Path('/proc/self/status')\n"
        "def peak():\n"
        "    lines = status.read_text().splitlines() if status.exists() else ['VmHWM: 0 kB']\n"
        "    return next(int(line.split()[1]) for line in lines if line.startswith('VmHWM:')) / 1024\n"
        "before, began = peak(), time.process_time()\n"
        "try:\n    read_table(Path(sys.argv[1])); said = 'read'\n"
        "except LabloopError as error:\n    said = error.message\n"
        "print(json.dumps([said, time.process_time() - began, peak() - before]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    said, seconds, megabytes = json.loads(done.stdout)
    return said, seconds, megabytes


def check(path: Path, expected: str) -> None:
    said, seconds, megabytes = refused(path)
    assert expected in said
    assert seconds < LIMIT_S
    assert megabytes < LIMIT_MB


@pytest.mark.parametrize("name", ["big.csv", "big.xlsx", "big.json", "big"])
def test_a_gigabyte_is_refused_unread(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(1_000_000_000)  # sparse: it takes no room on the disk
    check(tmp_path / name, "has 1,000,000,000 bytes")


def test_a_gigabyte_of_zeros_in_a_megabyte_is_refused_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/workbook.xml", "w") as part:
        for _ in range(1000):
            part.write(bytes(1_000_000))
    assert path.stat().st_size < 2_000_000
    check(path, "unpacks from")


def test_a_bomb_that_lies_about_its_size_is_not_unpacked_beyond_it(tmp_path: Path) -> None:
    """The list of members says 1,000 bytes; the packed stream holds 300 megabytes."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(squeeze.compress(bytes(1_000_000)) for _ in range(300)) + squeeze.flush()
    name = b"xl/workbook.xml"
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(packed), 1000, len(name), 0) + name + packed
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(packed), 1000, len(name), *[0] * 6)
    entry += name
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(local), 0)
    (tmp_path / "liar.xlsx").write_bytes(local + entry + end)
    check(tmp_path / "liar.xlsx", "is not an XLSX workbook")


def test_a_million_empty_members_are_refused_unlisted(tmp_path: Path) -> None:
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, *[0] * 6) + b"a"
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 1_000_000 * len(entry), 4, 0)
    (tmp_path / "crowd.xlsx").write_bytes(b"PK\3\4" + 1_000_000 * entry + end)
    check(tmp_path / "crowd.xlsx", "of members, which no workbook has")


def test_standard_input_is_read_up_to_a_limit_only() -> None:
    class Endless(io.RawIOBase):
        asked = 0

        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert size >= 0
            self.asked += size
            return bytes(min(size, 100_000_001))

    stream = Endless()
    with pytest.raises(InvalidInput, match="standard input has more than 100,000,000 bytes"):
        taken(stream)  # type: ignore[arg-type]
    assert stream.asked == 100_000_001
