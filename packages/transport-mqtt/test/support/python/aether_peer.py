"""A peer that speaks MQTT as the Python library AetherMagic does: the same topics, the same JSON, nothing else.

Written from the documented protocol, small enough to be read at once. It knows no inbox, no attempts and no leases: a worker says status 0 when it takes a
task, `progress` on its way and `succeed` or `failed` at the end; a client hears the two topics of its own task id. All of it at QoS 0 over MQTT 3.1.1 in clean
sessions, which is what the library does.
"""

import json
import socket
import threading
import uuid

import paho.mqtt.client as mqtt

# What json.dumps of the library's dataclass writes after the fields that matter.
UNUSED_FIELDS = ("job", "workgroup", "task", "context", "tid")


def topic_of(union, job, task, context, tid, action):
    return "/".join((union, job, task, context, tid, action))


def shared_topic(union, job, workgroup, task, context):
    """What every worker of one workgroup subscribes to: the broker gives each task to one of them."""
    return f"$share/{union}_{job}_{workgroup}/{topic_of(union, job, task, context, '+', 'perform')}"


class AetherPeer:
    """One connection. `on_message(message)` runs on paho's thread for each message that arrives."""

    def __init__(self, union, on_message, host=None, client=None, form="newer", protocol=4):
        self.union = union
        self.host = host or socket.gethostname()
        self.client = client or str(uuid.uuid1())
        self._form = form
        self._on_message = on_message
        self._granted = {}
        self._changed = threading.Condition()
        self._connection = None
        versions = {3: mqtt.MQTTv31, 4: mqtt.MQTTv311, 5: mqtt.MQTTv5}
        clean = {} if protocol == 5 else {"clean_session": True}
        self._mqtt = mqtt.Client(client_id=str(uuid.uuid1()), protocol=versions[protocol], **clean)
        self._mqtt.on_connect = lambda _client, _userdata, _flags, code, *_rest: self._connected(code)
        self._mqtt.on_subscribe = lambda _client, _userdata, mid, codes, *_rest: self._subscribed(mid, codes)
        self._mqtt.on_message = lambda _client, _userdata, message: self._heard(message)

    # Connection

    def connect(self, port, username=None, password=None, timeout=10):
        if username is not None:
            self._mqtt.username_pw_set(username, password)
        self._mqtt.connect("127.0.0.1", port, keepalive=60)
        self._mqtt.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._connection is not None, timeout)
        if self._connection != 0:
            raise RuntimeError(f"not connected: {self._connection}")
        # The library says so of itself at each connection.
        self.send("system", "online", self.host, self.client, "online", "connected", 100, {})

    def close(self):
        self._mqtt.disconnect()
        self._mqtt.loop_stop()

    def subscribe(self, topic, timeout=10):
        """Returns once the broker has acknowledged it."""
        _result, mid = self._mqtt.subscribe(topic, qos=0)
        with self._changed:
            if not self._changed.wait_for(lambda: mid in self._granted, timeout):
                raise RuntimeError(f"no acknowledgement of {topic}")
            codes = self._granted.pop(mid)
        if any(int(getattr(code, "value", code)) >= 0x80 for code in codes):
            raise RuntimeError(f"{topic} was refused")

    def publish(self, topic, payload, qos=0, retain=False, timeout=10):
        """Bytes as they are: also for what no envelope is."""
        self._mqtt.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(timeout)

    # The protocol

    def envelope(self, action, status, progress, data):
        if self._form == "older":
            return json.dumps(
                {
                    "host": self.host,
                    "client": self.client,
                    "action": action,
                    "status": status,
                    "progress": progress,
                    "data": data,
                }
            )
        fields = {
            "action": action,
            "status": status,
            "progress": progress,
            "data": data,
            "host": self.host,
            "client": self.client,
        }
        return json.dumps({**fields, **{name: "" for name in UNUSED_FIELDS}})

    def send(self, job, task, context, tid, action, status, progress, data):
        topic = topic_of(self.union, job, task, context, tid, action)
        self.publish(topic, self.envelope(action, status, progress, data))

    def idle(self, job, task, context, workgroup):
        """Joins a workgroup, and says that it has room."""
        self.subscribe(shared_topic(self.union, job, workgroup, task, context))
        said = context if context != "+" else "x"
        self.send(job, task, said, str(uuid.uuid1())[:8], "idle", "online", 100, {})

    def perform(self, job, task, context, data, tid=None):
        tid = tid or str(uuid.uuid1())[:8]
        for action in ("status", "complete"):
            self.subscribe(topic_of(self.union, job, task, context, tid, action))
        self.send(job, task, context, tid, "perform", "initialized", 0, data)
        return tid

    def status(self, job, task, context, tid, progress, data):
        self.send(job, task, context, tid, "status", "progress", max(0, min(100, progress)), data)

    def complete(self, job, task, context, tid, success, data):
        self.send(job, task, context, tid, "complete", "succeed" if success else "failed", 100, data)

    def cancel(self, job, task, context, tid):
        self.send(job, task, context, tid, "cancel", "cancelled", 0, {})

    def dismiss(self, job, task, context, tid):
        self.send(job, task, context, tid, "dismiss", "dismissed", 100, {})

    # What arrives

    def _connected(self, code):
        with self._changed:
            self._connection = int(getattr(code, "value", code))
            self._changed.notify_all()

    def _subscribed(self, mid, codes):
        with self._changed:
            self._granted[mid] = codes
            self._changed.notify_all()

    def _heard(self, message):
        parts = message.topic.split("/")
        if len(parts) != 6 or not message.payload:
            return
        _union, job, task, context, tid, action = parts
        try:
            envelope = json.loads(message.payload)
            data = envelope["data"]
        except (ValueError, KeyError, TypeError):
            # The library takes what it cannot read for the failed end of a task.
            envelope, data = {"action": "complete", "status": "failed", "progress": 0}, {}
        self._on_message(
            {
                "topic": message.topic,
                "retain": bool(message.retain),
                "job": job,
                "task": task,
                "context": context,
                "tid": tid,
                "action": envelope.get("action", action),
                "status": envelope.get("status"),
                "progress": envelope.get("progress"),
                "data": data,
                "text": message.payload.decode("utf-8", "replace"),
            }
        )
