from __future__ import annotations

import json
import os
import signal
import time

import pytest

from mlsteps.registry.leases import Holder, Lease, holder_of
from tests.registry.processes import start, together

ME = {"dag_id": "d", "run_id": "r1", "task_id": "train", "url": "http://ui/r1"}
HOLD = """
ws = open_workspace({"root": sys.argv[1]})
lease = Lease.acquire(ws, "abc", {"dag_id": "d", "run_id": "other", "task_id": "train"})
print("held", flush=True)
sys.stdin.readline()
print(json.dumps([lease.held(), lease.heartbeat()]), flush=True)
lease.release()
"""
LEAVE = """
ws = open_workspace({"root": sys.argv[1]})
lease = Lease.acquire(ws, "abc", {"dag_id": "d", "run_id": "other", "task_id": "train"})
lease.leave(600.0)
lease.release()
"""
IMPORT = "from mlsteps.registry.leases import Lease"


def test_a_free_lease_is_taken_once(ws):
    lease = Lease.acquire(ws, "abc", ME)
    assert isinstance(lease, Lease)
    other = Lease.acquire(ws, "abc", {**ME, "run_id": "r2"})
    assert isinstance(other, Holder)
    assert (other.run_id, other.pid, other.url) == ("r1", os.getpid(), "http://ui/r1")
    assert str(other).startswith("d/r1/train (process ")
    assert isinstance(Lease.acquire(ws, "another", ME), Lease)


def test_a_released_lease_is_free(ws):
    lease = Lease.acquire(ws, "abc", ME)
    lease.release()
    assert not lease.held()
    assert not lease.heartbeat()
    assert holder_of(ws, "abc") is None
    again = Lease.acquire(ws, "abc", {**ME, "run_id": "r2"})
    assert isinstance(again, Lease)
    assert holder_of(ws, "abc").run_id == "r2"


def long_ago(ws, lease, name):
    """Put the moment that a lease's file tells back by 100 seconds."""
    path = f"leases/abc/{lease.generation}{name}.json"
    ws.write_json(
        path, {key: value - 100 if key in ("since", "seen") else value for key, value in ws.read_json(path).items()}
    )


def test_a_holder_that_is_not_heard_of_is_taken_over(ws):
    lease = Lease.acquire(ws, "abc", ME)
    long_ago(ws, lease, "")
    assert lease.heartbeat()
    assert isinstance(Lease.acquire(ws, "abc", ME, ttl=60), Holder), "it was heard of just now"
    long_ago(ws, lease, ".beat")
    assert isinstance(Lease.acquire(ws, "abc", ME, ttl=200), Holder), "its time is not up"
    taken = Lease.acquire(ws, "abc", {**ME, "run_id": "r2"}, ttl=60)
    assert isinstance(taken, Lease)
    assert not lease.held()
    assert not lease.heartbeat(), "who lost the lease learns it"


def test_only_the_owner_releases(ws):
    lost = Lease.acquire(ws, "abc", ME)
    long_ago(ws, lost, "")
    taken = Lease.acquire(ws, "abc", {**ME, "run_id": "r2"})
    lost.release()
    assert taken.held()
    assert isinstance(Lease.acquire(ws, "abc", ME), Holder)


def test_a_killed_process_loses_its_lease_at_once_and_a_living_one_does_not(ws, tmp_path):
    process = start(HOLD, IMPORT, ws.root, tmp_path / "gate", 0)
    try:
        assert process.stdout.readline().strip() == "held"
        living = Lease.acquire(ws, "abc", ME, ttl=60)
        assert isinstance(living, Holder)
        assert living.pid == process.pid
        os.kill(process.pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        taken = living
        while isinstance(taken, Holder) and time.monotonic() < deadline:  # unreaped still: a zombie holds nothing
            taken = Lease.acquire(ws, "abc", ME, ttl=60)
        assert isinstance(taken, Lease)
    finally:
        process.kill()
        process.communicate()


def test_a_process_that_was_stopped_and_comes_back_learns_that_it_lost(ws, tmp_path):
    process = start(HOLD, IMPORT, ws.root, tmp_path / "gate", 0)
    try:
        assert process.stdout.readline().strip() == "held"
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(0.05)
        taken = Lease.acquire(ws, "abc", ME, ttl=0.02)
        assert isinstance(taken, Lease)
        os.kill(process.pid, signal.SIGCONT)
        printed, _ = process.communicate("go\n", timeout=120)
        assert json.loads(printed) == [False, False]
        assert taken.held(), "its release did nothing to ours"
    finally:
        process.kill()


def test_another_process_with_the_same_number_is_not_the_holder(ws):
    lease = Lease.acquire(ws, "abc", ME)
    path = f"leases/abc/{lease.generation}.json"
    ws.write_json(path, {**ws.read_json(path), "born": "1"})
    assert isinstance(Lease.acquire(ws, "abc", ME), Lease)


@pytest.mark.parametrize("key", ["machine", "host"])
def test_nothing_is_proven_about_a_process_elsewhere(ws, key):
    lease = Lease.acquire(ws, "abc", {**ME, "pid": 2**22 + 1, **({"host": "far"} if key == "host" else {})})
    if key == "machine":
        path = f"leases/abc/{lease.generation}.json"
        ws.write_json(path, {**ws.read_json(path), "machine": "another boot"})
    assert isinstance(Lease.acquire(ws, "abc", ME), Holder)


def test_an_old_generation_that_became_free_again_is_not_the_lease(ws):
    stale = Lease(ws, "leases/abc", 1)
    for _ in range(3):
        Lease.acquire(ws, "abc", ME).release()
    assert "1" not in ws.names("leases/abc"), "old generations are tidied"
    assert ws.create_json("leases/abc/1.json", {})
    assert not stale._is_newest()
    assert "1" not in ws.names("leases/abc")


@pytest.mark.parametrize("state", ["free", "expired"])
def test_of_processes_that_take_at_once_one_gets_it(ws, tmp_path, state):
    if state == "expired":
        long_ago(ws, Lease.acquire(ws, "abc", {**ME, "host": "far"}), "")
    printed = together(
        """
        ws = open_workspace({"root": sys.argv[1]})
        ready()
        got = Lease.acquire(ws, "abc", {"dag_id": "d", "run_id": str(number), "task_id": "t"}, ttl=60)
        print(isinstance(got, Lease), flush=True)
        sys.stdin.readline()
        """,
        IMPORT,
        ws.root,
        tmp_path,
        4,
    )
    assert sorted(printed) == ["False"] * 3 + ["True"]


def test_many_processes_hold_it_one_at_a_time(ws, tmp_path):
    together(
        """
        ws = open_workspace({"root": sys.argv[1]})
        ready()
        done = 0
        while done < 5:
            got = Lease.acquire(ws, "abc", {"dag_id": "d", "run_id": str(number), "task_id": "t"})
            if isinstance(got, Lease):
                descriptor = os.open(sys.argv[2] + ".inside", os.O_CREAT | os.O_EXCL)  # fails when another is inside
                time.sleep(0.002)
                os.close(descriptor)
                os.unlink(sys.argv[2] + ".inside")
                got.release()
                done += 1
            time.sleep(0.001)
        """,
        IMPORT,
        ws.root,
        tmp_path,
        4,
    )
    assert len(ws.names("leases/abc")) == 2, "one generation and its end are left"


def test_a_lease_that_is_left_outlives_its_process_and_is_taken_up_by_another(ws, tmp_path):
    process = start(LEAVE, IMPORT, ws.root, tmp_path / "gate", 0)
    process.communicate()
    assert process.returncode == 0
    assert isinstance(Lease.acquire(ws, "abc", ME), Holder)  # its process is gone, and yet it is held
    lease = Lease.of(ws, "abc", 1)
    lease.take_up()
    held = holder_of(ws, "abc")
    assert (held.pid, held.run_id) == (os.getpid(), "other")
    assert isinstance(Lease.acquire(ws, "abc", ME, ttl=60.0), Holder)
    lease.release()
    assert isinstance(Lease.acquire(ws, "abc", ME), Lease)


def test_a_lease_that_is_left_is_missed_when_nobody_has_kept_it(ws):
    lease = Lease.acquire(ws, "abc", ME)
    lease.leave(ahead=-61.0)
    lease.release()  # by habit: it is not this process's any more
    assert isinstance(Lease.acquire(ws, "abc", ME), Lease)
    assert not Lease.of(ws, "abc", 1).heartbeat(600.0)
    taken = Lease.of(ws, "abc", 1)
    taken.take_up()
    assert not taken.held() and holder_of(ws, "abc").pid == os.getpid()
