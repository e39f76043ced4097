"""Starts TensorBoard."""

import sys
from dataclasses import dataclass

from lessons.commands import runs_option


@dataclass(frozen=True)
class Tensorboard(runs_option.RunsOption):
    """Start TensorBoard on the runs."""

    port: int = 6006  # of the page, on this machine only

    def act(self) -> None:
        """Runs TensorBoard on the logdir, on this machine only, until it is stopped.

        Raises:
            ValueError: there is no such folder.
        """
        from tensorboard import main as tensorboard

        logdir, port = self.logdir, str(self.port)
        if not logdir.is_dir():
            raise ValueError(
                f"{logdir} is not a folder, expected that of the runs: run a lesson "
                "first, or name it with --logdir"
            )
        if next(logdir.rglob("events.out.tfevents.*"), None) is None:
            print(
                f"{logdir} holds no runs yet: the page stays empty until a lesson runs"
            )
        print(
            f"TensorBoard on {logdir}: http://127.0.0.1:{port}/ (Ctrl-C stops it)",
            flush=True,
        )
        words = ["--logdir", str(logdir), "--host", "127.0.0.1", "--port", port]
        sys.argv = ["tensorboard", *words]
        tensorboard.run_main()
