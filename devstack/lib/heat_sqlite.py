"""Have SQLite give no id of Heat's a second time: ``heat_sqlite.py FILE``.

Heat deletes rows of ``resource_properties_data`` by an id that it has seen a
while ago. Other databases count on; SQLite gives the next row the id of the
last one that was deleted, unless the table says otherwise.
"""

import re
import sqlite3
import sys

_KEY = re.compile(r",\s*PRIMARY KEY \(id\)")


def main() -> None:
    connection = sqlite3.connect(sys.argv[1], isolation_level=None)
    # with the first such table comes the one with the numbers
    connection.execute(
        "CREATE TABLE first (id INTEGER PRIMARY KEY AUTOINCREMENT)"
    )
    connection.execute("DROP TABLE first")
    connection.execute("PRAGMA writable_schema = ON")
    tables = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
    ).fetchall()
    for name, text in tables:
        if not re.search(r"\bid INTEGER NOT NULL", text):
            continue
        made, count = _KEY.subn("", text)
        if count:
            connection.execute(
                "UPDATE sqlite_master SET sql = ? WHERE name = ?",
                (
                    re.sub(
                        r"\bid INTEGER NOT NULL",
                        "id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL",
                        made,
                        count=1,
                    ),
                    name,
                ),
            )
    connection.execute("PRAGMA writable_schema = OFF")
    connection.close()
    ((said,),) = sqlite3.connect(sys.argv[1]).execute("PRAGMA integrity_check")
    if said != "ok":
        sys.exit(said)


if __name__ == "__main__":
    main()
