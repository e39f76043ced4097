"""python -m lessons sweep on several processes and on several machines."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent import futures
from pathlib import Path

from lessons import __main__ as commands
from lessons.commands.sweeping import attempts, one_run
from training import run_json

import psutil
import pytest

import course_1_tf_lr
from benchmarks.sweep import read_metrics

ROOT = Path(__file__).parents[1]
LESSON = "course_1_tf_lr"
LONG = 10_000  # epochs, of a run that is to be hit while it goes on


def sweep(*words) -> None:
    """Does what `python -m lessons sweep` does with these words behind the lesson."""
    commands.run_command(["sweep", LESSON, *map(str, words)])


def wait_for(find):
    """Returns what `find` finds, as soon as it finds something."""
    end = time.monotonic() + 120
    while not (found := find()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def find_status(folder: Path) -> str | None:
    """What the run in a folder says of itself; None before it says something."""
    try:
        return run_json.read(folder / run_json.METRICS)["status"]
    except (OSError, ValueError):
        return None


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict[str, dict]:
    """The runs of a sweep in one process."""
    logdir = tmp_path_factory.mktemp("alone")
    sweep("seed=0,1", f"epochs={LONG}", "--logdir", logdir)
    return read_metrics(logdir)


@pytest.mark.smoke
def test_workers_give_the_same_runs_though_one_is_killed(alone, tmp_path, capsys):
    killed = []

    def kill_the_first():
        folder = tmp_path / LESSON / f"seed=1,epochs={LONG}"
        wait_for(lambda: find_status(folder) == "running")
        killed.append(run_json.read(folder / run_json.PROCESS)["pid"])
        psutil.Process(killed[0]).kill()

    killer = threading.Thread(target=kill_the_first)
    killer.start()
    words = ("seed=0,1", f"epochs={LONG}", "--logdir", tmp_path, "--workers", 2)
    sweep(*words)
    killer.join()
    assert killed[0] != os.getpid()
    assert read_metrics(tmp_path) == alone
    said = capsys.readouterr()
    assert said.err == ""
    assert f"seed=1,epochs={LONG} - its process was killed: it is run again" in said.out
    for number in (1, 2):
        assert f"\n{number} of 2: seed=" in said.out

    written = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*/*")}
    sweep(*words)
    assert "2 of 2 runs are done already" in capsys.readouterr().out
    assert written == {path: path.stat().st_mtime_ns for path in written}


@pytest.mark.skipif(os.name == "nt", reason="sends Ctrl-C as Linux and macOS do")
def test_what_was_finished_stays_after_ctrl_c(tmp_path, capsys):
    """Each process of a terminal gets it, busy or not, and none is left."""
    words = ["epochs=20,1000000", "--logdir", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "lessons", "sweep", LESSON, *words, "--workers", "2"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        encoding="utf-8",
    )
    done = tmp_path / LESSON / "epochs=20"
    wait_for(lambda: find_status(done) == "finished")
    workers = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == ""
    assert out.endswith("\nInterrupted. The same command goes on\n")
    assert not psutil.wait_procs(workers, 20)[1]
    assert find_status(done) == "finished"


class Unreliable:
    """Workers that are lost a few times with some runs."""

    def __init__(self, losses: dict[int, int]):
        self.losses, self.begun = losses, []

    def submit(self, config) -> futures.Future[str]:
        self.begun.append(config.seed)
        result = futures.Future()
        if self.begun.count(config.seed) <= self.losses.get(config.seed, 0):
            result.set_exception(attempts.WorkerLostError("its worker was lost"))
        else:
            result.set_result("done")
        return result


def test_lost_runs_are_tried_again_three_times_in_all(tmp_path, capsys):
    configs = [
        course_1_tf_lr.Config(seed=seed, logdir=tmp_path, name=f"seed={seed}")
        for seed in range(4)
    ]
    workers = Unreliable({1: 2, 2: 100})
    ended = dict(attempts.run_all(configs, tmp_path / LESSON, workers))
    outcomes = {config.seed: outcome for config, outcome in ended.items()}
    lost = outcomes.pop(2)
    assert outcomes == {0: "done", 1: "done", 3: "done"}
    assert lost.startswith("failed: its worker was lost, 3 times; is the memory")
    assert [workers.begun.count(seed) for seed in range(4)] == [1, 3, 3, 1]
    again = [line for line in capsys.readouterr().out.splitlines() if "again" in line]
    assert sorted(again) == [
        *["seed=1 - its worker was lost: it is run again"] * 2,
        *["seed=2 - its worker was lost: it is run again"] * 2,
    ]


def test_run_that_was_over_when_its_worker_was_lost_is_not_run_again(tmp_path):
    config = course_1_tf_lr.Config(epochs=20, logdir=tmp_path, name="over")
    one_run.run_one(config)
    workers = Unreliable({0: 1})
    ended = list(attempts.run_all([config], tmp_path / LESSON, workers))
    assert ended == [(config, "finished")]
    assert workers.begun == [0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--workers", "0"], "--workers is 0, expected a whole number from 1"),
        (["--workers", "-1"], "--workers is -1, expected a whole number from 1"),
        (["--workers", "two"], "'two' is not a whole number"),
        (["--cluster", "here"], "--cluster is 'here', expected auto on a machine"),
        (["--cluster", "127.0.0.1:9"], "expected auto on a machine of the cluster"),
        (["--cluster", "127.0.0.1:9"], "nobody answers: "),
        (["--cluster", "127.0.0.1:99999"], "nobody answers: "),
    ],
)
def test_bad_words_are_answered_in_a_line(words, said, tmp_path):
    with pytest.raises(ValueError) as error:
        sweep("seed=0,1", "--logdir", tmp_path, *words)
    message = str(error.value)
    assert said in message
    assert "\n" not in message
    assert not list(tmp_path.iterdir())


def test_without_ray_its_extra_is_named(monkeypatch, server, tmp_path):
    """Of which an address needs to answer."""
    monkeypatch.setitem(sys.modules, "ray", None)
    address = server.url.removeprefix("http://").rstrip("/")
    with pytest.raises(ValueError, match=r'Ray, .* pip install -e "\.\[cluster\]"'):
        sweep("seed=0,1", "--logdir", tmp_path, "--cluster", address)


@pytest.fixture
def cluster(monkeypatch) -> str:
    """The address of a cluster of two machines, each with one core, on this one."""
    pytest.importorskip("ray", reason="needs the extra cluster")
    from ray import cluster_utils

    for scheme in ("http_proxy", "https_proxy"):  # which would be asked for machines
        monkeypatch.delenv(scheme)
        monkeypatch.delenv(scheme.upper(), raising=False)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    size = {"num_cpus": 1, "object_store_memory": 100_000_000}
    machines = cluster_utils.Cluster(initialize_head=True, head_node_args=size)
    machines.add_node(**size)
    yield machines.address
    machines.shutdown()


def test_machines_give_the_same_runs_though_one_is_killed(
    alone, cluster, tmp_path, capfd
):
    killed = []

    def kill_one():
        killed.extend(wait_for(find_busy)[:1])
        killed[0].kill()

    def find_busy():
        there = psutil.process_iter(["cmdline"])
        titles = ((one, " ".join(one.info["cmdline"] or [])) for one in there)
        return [one for one, title in titles if title.startswith("ray::run_there")]

    killer = threading.Thread(target=kill_one)
    killer.start()
    words = ("seed=0,1", f"epochs={LONG}", "--logdir", tmp_path, "--cluster", cluster)
    sweep(*words)
    killer.join()
    assert read_metrics(tmp_path) == alone
    said = capfd.readouterr().out
    assert "its worker was lost (WorkerCrashedError): it is run again" in said
    for folder in (tmp_path / LESSON).glob("seed=*"):
        assert {"config.json", "figures", "model.keras", "train"} <= {
            path.name for path in folder.iterdir()
        }
    sweep(*words)
    assert "2 of 2 runs are done already" in capfd.readouterr().out
