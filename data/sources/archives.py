"""Takes a file out of a wheel or an sdist; nothing in it is run or installed."""

import contextlib
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import IO

MAX_BYTES = 2_000_000_000  # of an sdist, unpacked, that are looked through
CHUNK = 2**20


def take_out(archive: Path, member: str, size: int, target: Path) -> None:
    """Writes a member of an archive into a file.

    Args:
        archive: a wheel or another zip file, or an sdist, a tar file.
        member: its name in the archive.
        size: that it has, bytes.
        target: the file. Its folder is there.

    Raises:
        ValueError: the archive cannot be read, or has no file of that name and size.
        OSError: the file cannot be written.
    """
    opening = open_zip if archive.suffix in (".whl", ".zip") else open_tar
    with contextlib.ExitStack() as stack:
        try:
            source, said = opening(archive, member, stack)
        except ValueError:
            raise
        except Exception as error:  # a damaged archive can raise anything
            raise ValueError(f"{archive.name} cannot be read ({error})") from None
        if said != size:
            raise ValueError(
                f"{member} in {archive.name} has {said:,} bytes, expected {size:,}"
            )
        output = stack.enter_context(target.open("wb"))
        rest = size
        while rest:
            try:
                chunk = source.read(min(CHUNK, rest))
            except Exception as error:
                raise ValueError(f"{archive.name} is damaged ({error})") from None
            if not chunk:
                raise ValueError(f"{member} in {archive.name} is cut off")
            output.write(chunk)
            rest -= len(chunk)


def open_zip(
    path: Path, member: str, stack: contextlib.ExitStack
) -> tuple[IO[bytes], int]:
    """Opens a member of a zip file, and returns how many bytes it is said to have.

    Raises:
        ValueError: there is no file of that name.
        Exception: the archive is damaged.
    """
    archive = stack.enter_context(zipfile.ZipFile(path))
    if member not in archive.namelist():
        raise ValueError(f"{path.name} does not hold {member}")
    info = archive.getinfo(member)
    kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where no kind is written down
    if info.is_dir() or kind not in (0, stat.S_IFREG):
        raise ValueError(f"{member} in {path.name} is no file, but a link or a folder")
    return stack.enter_context(archive.open(info)), info.file_size


def open_tar(
    path: Path, member: str, stack: contextlib.ExitStack
) -> tuple[IO[bytes], int]:
    """Opens a member of a tar file, and returns how many bytes it is said to have.

    Raises:
        ValueError: there is no file of that name, or far more than data comes in.
        Exception: the archive is damaged.
    """
    archive = stack.enter_context(tarfile.open(path))  # noqa: SIM115
    for info in archive:  # in the order of the file, which is unpacked only once
        if info.offset_data + info.size > MAX_BYTES:
            raise ValueError(f"{path.name} unpacks to more than {MAX_BYTES / 1e9:g} GB")
        if info.name == member:
            if not info.isreg():
                raise ValueError(
                    f"{member} in {path.name} is no file, but a link or a folder"
                )
            file = archive.extractfile(info)
            if file is not None:  # as that of every regular file
                return stack.enter_context(file), info.size
    raise ValueError(f"{path.name} does not hold {member}")
