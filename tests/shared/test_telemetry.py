"""A log line is one JSON object that names its request."""

import io
import json
import logging

from shared.telemetry import REQUEST_ID, configure_logging


def test_a_log_line_is_json_with_the_request_id() -> None:
    logger = logging.getLogger("shared.example")
    configure_logging("test")
    stream = io.StringIO()
    handler = logging.getLogger("shared").handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    token = REQUEST_ID.set("r-1")
    try:
        logger.info("scored %d", 3, extra={"task": "embed", "folder": object})
        try:
            raise ValueError("bad\nline")
        except ValueError:
            logger.exception("failed")
    finally:
        REQUEST_ID.reset(token)
        logging.getLogger("shared").handlers = []
        logging.getLogger("shared").propagate = True
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first["message"] == "scored 3"
    assert (first["app"], first["request_id"], first["task"]) == ("test", "r-1", "embed")
    assert first["time"].endswith("Z")
    assert "ValueError: bad" in second["exception"]
