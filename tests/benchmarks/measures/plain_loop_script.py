"""What somebody writes first: quixstreams, a model, a table. Runs in `plain_loop`'s environment.

python plain_loop_script.py BOOTSTRAP TOPIC COUNT MODEL DATABASE
"""

import json
import sqlite3
import sys
import time

from quixstreams import Application  # type: ignore[import-not-found]
from sentence_transformers import SentenceTransformer


def main() -> None:
    """Reads `COUNT` records, then prints how long that took."""
    bootstrap, topic, count, model_folder, path = sys.argv[1:6]
    model = SentenceTransformer(model_folder, device="cpu")
    model.encode("a text to warm up with")
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE score (id TEXT PRIMARY KEY, score REAL)")
    database.commit()
    begun: list[float] = []
    ended: list[float] = []

    def score(news: dict[str, str]) -> None:
        begun.append(time.perf_counter())
        vector = model.encode(news["text"])
        database.execute("INSERT INTO score VALUES (?, ?)", (news["id"], float(vector[0])))
        database.commit()
        ended.append(time.perf_counter())
        if len(ended) == int(count):
            application.stop()

    application = Application(
        broker_address=bootstrap,
        consumer_group="plain",
        auto_offset_reset="earliest",
        loglevel="WARNING",
    )
    frame = application.dataframe(application.topic(topic, value_deserializer="json"))
    frame.update(score)
    application.run()
    (rows,) = database.execute("SELECT count(*) FROM score").fetchone()
    print(json.dumps({"wall_s": ended[-1] - begun[0], "rows": rows}))


if __name__ == "__main__":
    main()
