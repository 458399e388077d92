"""Runs an `AetherPeer` for a test: commands come as lines of JSON, answers and whatever the peer hears go out as lines of JSON.

The first line says how to connect. Each command has an `id`, is answered with `{"id", "value"}` or `{"id", "error"}` once it is done, and the process ends with its
standard input, so that it never outlives the test.
"""

import base64
import json
import queue
import sys
import threading

from aether_peer import AetherPeer

output = threading.Lock()


def say(line):
    with output:
        print(json.dumps(line), flush=True)


class Remote:
    def __init__(self, options):
        connection = {key: options.pop(key) for key in ("port", "username", "password") if key in options}
        self._behaviours = {}
        self._arrived = queue.SimpleQueue()
        # Not on paho's own thread, which must be free for what a worker sends to go out.
        threading.Thread(target=self._work, daemon=True).start()
        self._peer = AetherPeer(on_message=self._arrived.put, **options)
        self._peer.connect(**connection)

    def close(self):
        self._peer.close()

    def run(self, command):
        return getattr(self, f"_do_{command.pop('do')}")(**command)

    # Commands

    def _do_idle(self, job, task, context, workgroup, behaviour):
        self._behaviours[(job, task)] = behaviour
        self._peer.idle(job, task, context, workgroup)

    def _do_perform(self, job, task, context, data, tid=None):
        return self._peer.perform(job, task, context, data, tid)

    def _do_status(self, job, task, context, tid, progress, data):
        self._peer.status(job, task, context, tid, progress, data)

    def _do_complete(self, job, task, context, tid, success, data):
        self._peer.complete(job, task, context, tid, success, data)

    def _do_cancel(self, job, task, context, tid):
        self._peer.cancel(job, task, context, tid)

    def _do_dismiss(self, job, task, context, tid):
        self._peer.dismiss(job, task, context, tid)

    def _do_listen(self, topic):
        self._peer.subscribe(topic)

    def _do_publish(self, topic, bytes, qos=0, retain=False):
        self._peer.publish(topic, base64.b64decode(bytes), qos, retain)

    # What a worker does with a task, before anybody is told of it

    def _work(self):
        while True:
            self._take(self._arrived.get())

    def _take(self, message):
        behaviour = self._behaviours.get((message["job"], message["task"]))
        if message["action"] == "perform" and behaviour is not None:
            at = [message[name] for name in ("job", "task", "context", "tid")]
            getattr(self, f"_work_{behaviour}")(at, message["data"])
        say({"heard": message})

    def _work_accept(self, at, _data):
        """Takes it and leaves the rest to the test."""
        self._peer.status(*at, 0, {})

    def _work_silent(self, _at, _data):
        """Takes it without a word."""

    def _work_echo(self, at, data):
        self._peer.status(*at, 0, {})
        self._peer.status(*at, 50, {"half": True})
        self._peer.complete(*at, True, data)

    def _work_fail(self, at, _data):
        self._peer.status(*at, 0, {})
        self._peer.complete(*at, False, {"why": "no such file"})


def main():
    try:
        remote = Remote(json.loads(sys.stdin.readline()))
    except Exception as error:  # whatever went wrong, the test is to read it
        say({"id": 0, "error": repr(error)})
        return
    say({"id": 0, "value": None})
    for line in sys.stdin:
        command = json.loads(line)
        ident = command.pop("id")
        try:
            say({"id": ident, "value": remote.run(command)})
        except Exception as error:
            say({"id": ident, "error": repr(error)})
    remote.close()


main()
