"""Which package indexes pip and uv are set to, and how these are reached: from the
environment and their files, as their documentation says. Neither has to be installed.

User and password are taken out of an address as soon as it is read: what is printed
later cannot hold them.
"""

import configparser
import locale
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

# By which of these, if pip has no setting of its own.
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
TRUE = ("1", "true", "t", "yes", "y", "on")


class Address(NamedTuple):
    """Where packages are looked for.

    Attributes:
        url: without user and password; or a folder.
        credentials: user and password; None if there are none.
    """

    url: str
    credentials: tuple[str, str] | None = None


class Settings(NamedTuple):
    """What a tool is set to.

    Attributes:
        indexes: addresses of the simple API, the preferred one first.
        links: pages, folders or files that name or hold files of packages
            (`--find-links`).
        replaced: true if the default index is not to be asked.
        trusted: hosts whose certificates are not checked, some with a port.
        certificates: file or folder of those that are trusted; empty for the system's.
        client: file of the own certificate; empty if there is none.
        proxy: its address; empty for that of the environment.
    """

    indexes: tuple[Address, ...]
    links: tuple[Address, ...]
    replaced: bool
    trusted: tuple[str, ...]
    certificates: str = ""
    client: str = ""
    proxy: str = ""


def read_settings() -> Settings:
    """Reads what uv and pip are set to. Where both name indexes, all of them count.

    Raises:
        ValueError: a file of settings cannot be read, or names no address.
    """
    uv, pip = read_uv(), read_pip()
    variables = filter(None, map(os.environ.get, CERTIFICATES))
    return Settings(
        tuple(dict.fromkeys(uv.indexes + pip.indexes)),
        tuple(dict.fromkeys(uv.links + pip.links)),
        uv.replaced or pip.replaced,
        uv.trusted + pip.trusted,
        pip.certificates or next(variables, ""),
        pip.client or os.environ.get("SSL_CLIENT_CERT", ""),
        pip.proxy,
    )


def split_address(text: str) -> Address:
    """Takes user and password out of an address; a folder's may begin with ~.

    Raises:
        ValueError: it is neither an address nor a folder. It is not named, because it
            may hold a password.
    """
    path = Path(text).expanduser()
    if path.exists():
        return Address(str(path))
    try:
        parts = urlsplit(text)
        known = parts.hostname if parts.scheme in ("http", "https") else parts.path
        user, password = parts.username, parts.password
    except ValueError:
        known = None
    if not known or parts.scheme not in ("http", "https", "file"):
        raise ValueError(
            "an address that is neither http, https, file nor a folder: correct the "
            "settings of pip or uv"
        )
    url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    if user is None:
        return Address(url)
    return Address(url, (unquote(user), unquote(password or "")))


def split_links(texts: list[str]) -> tuple[Address, ...]:
    """Returns the addresses in `--find-links`, where a folder that is missing is left
    out.

    Raises:
        ValueError: as `split_address`.
    """
    return tuple(
        split_address(text)
        for text in texts
        if "://" in text or Path(text).expanduser().exists()
    )


def is_true(value: str | bool | None) -> bool:
    """Returns what a switch is set to."""
    return str(value).lower() in TRUE


def find_user_folder() -> Path:
    """Returns where a user's settings are."""
    if os.name == "nt":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData/Roaming")
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def find_system_folders() -> list[Path]:
    """Returns where the settings of all users are."""
    if os.name == "nt":
        return [Path(os.environ.get("PROGRAMDATA") or "C:/ProgramData")]
    folders = os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    return [Path(folder) for folder in folders.split(os.pathsep) if folder]


def read_pip() -> Settings:
    """Reads what pip is set to: its variables, before its files.

    Raises:
        ValueError: a file cannot be read, or names no address.
    """
    sections = {"global": {}, "install": {}}
    for path in list_pip_files():
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, locale.getpreferredencoding(False))
        except (configparser.Error, UnicodeDecodeError):
            raise ValueError(
                f"{path} cannot be read as settings of pip: correct it"
            ) from None  # what the error says of a line may hold a password
        for section, options in sections.items():
            if parser.has_section(section):
                options |= name_options(parser.items(section))
    variables = [
        (name.removeprefix("PIP_"), value)
        for name, value in os.environ.items()
        if name.startswith("PIP_")
    ]
    options = sections["global"] | sections["install"] | name_options(variables)
    closed = is_true(options.get("no-index"))
    indexes = (options.get(name, "") for name in ("index-url", "extra-index-url"))
    return Settings(
        () if closed else tuple(map(split_address, " ".join(indexes).split())),
        split_links(options.get("find-links", "").split()),
        closed or "index-url" in options,
        tuple(options.get("trusted-host", "").split()),
        os.path.expanduser(options.get("cert", "")),  # noqa: PTH111 (may be empty)
        os.path.expanduser(options.get("client-cert", "")),  # noqa: PTH111
        options.get("proxy", ""),
    )


def name_options(options: list[tuple[str, str]]) -> dict[str, str]:
    """Returns pip's options by the name that each has on the command line, without
    those that are empty.
    """
    return {
        name.lower().replace("_", "-").removeprefix("--"): value
        for name, value in options
        if value
    }


def list_pip_files() -> list[Path]:
    """Returns pip's files of settings, the last of which counts most."""
    name = "pip.ini" if os.name == "nt" else "pip.conf"
    own = os.environ.get("PIP_CONFIG_FILE", "")
    if own == os.devnull:
        return []
    mac = Path.home() / "Library/Application Support/pip"
    if sys.platform == "darwin":
        files = [Path("/Library/Application Support/pip") / name]
    else:
        files = [folder / "pip" / name for folder in find_system_folders()]
        files += [Path("/etc") / name]
    if not (own and Path(own).exists()):
        on_mac = sys.platform == "darwin" and mac.is_dir()
        files += [Path.home() / ("pip" if os.name == "nt" else ".pip") / name]
        files += [(mac if on_mac else find_user_folder() / "pip") / name]
    return [*files, Path(sys.prefix) / name, *([Path(own)] if own else [])]


def read_uv() -> Settings:
    """Reads what uv is set to: its variables, before its files.

    Raises:
        ValueError: a file cannot be read, or names no address.
    """
    get = os.environ.get
    # Each with what counts most at the front.
    defaults = [get("UV_DEFAULT_INDEX"), get("UV_INDEX_URL")]
    indexes = [*get("UV_INDEX", "").split(), *get("UV_EXTRA_INDEX_URL", "").split()]
    links = get("UV_FIND_LINKS", "").split(",")
    trusted = get("UV_INSECURE_HOST", "").split()
    closed = [get("UV_NO_INDEX")]
    for path, table in read_uv_files():
        try:
            for index in table.get("index", ()):
                named = f"{index.get('name', '')}={index['url']}"
                if index.get("format") == "flat":
                    links.append(index["url"])
                elif index.get("default"):
                    defaults.append(named)
                elif not index.get("explicit"):
                    indexes.append(named)
            for part in (table, table.get("pip", {})):
                defaults.append(part.get("index-url"))
                indexes += part.get("extra-index-url", ())
                links += part.get("find-links", ())
                closed.append(part.get("no-index"))
            trusted += table.get("allow-insecure-host", ())
        except (AttributeError, KeyError, TypeError):
            raise ValueError(
                f"{path} cannot be read as settings of uv: correct it"
            ) from None
    default = next(filter(None, defaults), None)
    is_closed = is_true(next((one for one in closed if one is not None), None))
    asked = [] if is_closed else [*indexes, *([default] if default else [])]
    return Settings(
        tuple(map(split_named, asked)),
        split_links(list(filter(None, links))),
        is_closed or default is not None,
        tuple(trusted),
    )


def split_named(text: str) -> Address:
    """Returns the address of one of uv's indexes, which may have a name before it, for
    which there may be credentials in the environment.

    Raises:
        ValueError: as `split_address`.
    """
    name, separator, url = text.partition("=")
    if not separator or not re.fullmatch(r"[\w.-]*", name):
        name, url = "", text
    address = split_address(url)
    variable = "UV_INDEX_" + re.sub("[^A-Z0-9]", "_", name.upper())
    user, password = map(
        os.environ.get, (f"{variable}_USERNAME", f"{variable}_PASSWORD")
    )
    if name and (user or password):
        known = address.credentials or ("", "")
        return Address(address.url, (user or known[0], password or known[1]))
    return address


def read_uv_files() -> Iterator[tuple[Path, dict]]:
    """Yields uv's files of settings and what is in them, what counts most first: those
    of the project in which the process runs, of the user, of the system.

    Raises:
        ValueError: a file cannot be read.
    """
    if is_true(os.environ.get("UV_NO_CONFIG")):
        return
    own = os.environ.get("UV_CONFIG_FILE")
    if own:
        table = read_toml(Path(own))
        if table is None:
            raise ValueError(f"UV_CONFIG_FILE names {own}, which cannot be read")
        yield Path(own), table
        return
    for folder in (Path.cwd(), *Path.cwd().parents):
        path = folder / "uv.toml"
        table = read_toml(path)
        if table is None:
            path = folder / "pyproject.toml"
            table = (read_toml(path) or {}).get("tool", {}).get("uv")
        if table is not None:
            yield path, table
            break
    shared = [*find_system_folders(), *([Path("/etc")] if os.name != "nt" else [])]
    for folders in ([find_user_folder()], shared):
        for folder in folders:
            path = folder / "uv/uv.toml"
            table = read_toml(path)
            if table is not None:
                yield path, table
                break


def read_toml(path: Path) -> dict | None:
    """Returns what is in a file of settings, None if it is missing.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except (OSError, ValueError):
        raise ValueError(
            f"{path} cannot be read as settings of uv: correct it"
        ) from None
