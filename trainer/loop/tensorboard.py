"""Event files for TensorBoard, in a directory of the output that is not part of the result.

They hold times and speeds, which differ from run to run; so the directory's name begins with a dot. Of the
`tensorboard` package only the protocol buffers and the record format are used: its file writer would load TensorFlow.
"""

from __future__ import annotations

import io
import os
import socket
import time
from collections.abc import Mapping
from typing import BinaryIO

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from berth import storage

DIRECTORY = ".tensorboard"
VERSION = "brain.Event:2"


class EventFile:
    """One event file, new for each start of a run: a resumed run hides what was logged after its checkpoint.

    Args:
        directory: Directory of the event files, local or gs://.
        purge_step: TensorBoard drops this step and later ones of the directory's older files.
    """

    def __init__(self, directory: str, purge_step: int) -> None:
        storage.make_directory(directory)
        started = time.time()
        # TensorBoard reads the files of a directory in the order of their names.
        name = f"events.out.tfevents.{started:017.6f}.{socket.gethostname()}.{os.getpid()}"
        self._uri = storage.join(directory, name)
        # An object in Cloud Storage cannot grow: it is written anew, whole, at each flush.
        self._file: BinaryIO = io.BytesIO() if storage.is_cloud(directory) else open(self._uri, "wb")  # noqa: SIM115
        self._records = RecordWriter(self._file)
        self._write(Event(wall_time=started, file_version=VERSION))
        self._write(Event(wall_time=started, step=purge_step, session_log=SessionLog(status=SessionLog.START)))
        self.flush()

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """Write the scalars of one step, by tag; TensorBoard groups them by the part before the first ``/``."""
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))
        self._file.flush()

    def flush(self) -> None:
        """Make all events visible to readers: local files are flushed by `add`, objects are uploaded here."""
        if isinstance(self._file, io.BytesIO):
            with storage.atomic_write(self._uri) as file:
                file.write(self._file.getvalue())

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._file.close()

    def _write(self, event: Event) -> None:
        self._records.write(event.SerializeToString())
