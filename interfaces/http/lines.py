"""Lines of the service's own log, gathered: to write one, a thread lets go of the interpreter, and gets it back when another one
is done with its turn. A request would wait for that longer than it takes altogether."""

import logging
from typing import TextIO

LINES_MAX = 1_000
SECONDS_MAX = 0.5  # that a line waits; the server lets them go as often


class GatheringHandler(logging.Handler):
    """Keeps lines until somebody flushes it. Warnings go out at once, with all lines before them."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.append(self.format(record))
        except Exception:
            self.handleError(record)
        if record.levelno >= logging.WARNING or len(self._lines) >= LINES_MAX:
            self.flush()

    def flush(self) -> None:
        self.acquire()  # so that no line overtakes another
        try:
            lines, self._lines = self._lines, []
            if lines:
                self._stream.write("".join([f"{line}\n" for line in lines]))
                self._stream.flush()
        finally:
            self.release()
