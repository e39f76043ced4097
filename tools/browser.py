"""Opens pages in Debian's Chromium without a window, as for pictures of them.

Needs Debian's packages chromium and chromium-driver, and `pip install -e ".[browser]"`.
"""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ARGUMENTS = (
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-sync",
    "disable-background-networking",
    "disable-component-update",
    "no-proxy-server",
    "hide-scrollbars",
    "enable-unsafe-swiftshader",  # WebGL without a GPU, for the projector
)
SECONDS = 180  # that a page may take on a slow machine


def find_missing() -> str:
    """Returns what is needed and not there; "" if all is."""
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        return "Debian's packages chromium and chromium-driver"
    try:
        import selenium  # noqa: F401
    except ImportError:
        return 'pip install -e ".[browser]"'
    return ""


@contextlib.contextmanager
def opened(width: int = 1400, height: int = 1000, dark: bool = False) -> Iterator:
    """Yields a Selenium driver of a browser that is closed after the block.

    Args:
        width: of its window, in pixels.
        height: of its window, in pixels.
        dark: whether it tells pages that its user prefers dark ones.
    """
    from selenium import webdriver

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in (
            *ARGUMENTS,
            f"window-size={width},{height}",
            f"user-data-dir={profile}",
        ):
            options.add_argument(f"--{argument}")
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        driver = webdriver.Chrome(options, service)
        try:
            # The window of a browser without one cannot be narrow, a phone's can.
            size = {"width": width, "height": height, "mobile": width < 600}
            driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride", {**size, "deviceScaleFactor": 1}
            )
            scheme = "dark" if dark else "light"
            feature = {"name": "prefers-color-scheme", "value": scheme}
            driver.execute_cdp_cmd(
                "Emulation.setEmulatedMedia", {"features": [feature]}
            )
            yield driver
        finally:
            driver.quit()


@contextlib.contextmanager
def serving(logdir: Path) -> Iterator[str]:
    """Yields the address of a TensorBoard on a folder, which is ended after the block.

    Raises:
        TimeoutError: it does not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", logdir.name]
    command += ["--port", str(port), "--reload_interval", "600"]
    process = subprocess.Popen(
        command,
        cwd=logdir.parent,  # the page shows the folder as it is named here
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            time.sleep(0.3)
        else:
            raise TimeoutError("TensorBoard does not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
