"""How SQLite would run statements: plans.py FILE... <STATEMENTS

Reads a JSON list of statements and prints a JSON list of [statement, plan], the plan a list of lines. A statement is explained
on the first database that has its tables and columns, without running it."""
import json
import re
import sqlite3
import sys

OTHER_SCHEMA = ("no such table", "no such column", "has no column", "no such index")

databases = [sqlite3.connect(f"file:{path}?mode=ro", uri=True) for path in sys.argv[1:]]
for database in databases:
    # SQLite has it since 3.41
    database.create_function("unhex", 1, bytes.fromhex, deterministic=True)
plans = []
for statement in json.load(sys.stdin):
    # Placeholders are numbered, but in statements for many rows.
    values = {number: None for number in re.findall(r"\$(\d+)", statement)} or (None,) * statement.count("?")
    for database in databases:
        try:
            plan = database.execute("EXPLAIN QUERY PLAN " + statement, values).fetchall()
        except sqlite3.OperationalError as error:
            if not any(words in str(error) for words in OTHER_SCHEMA):
                sys.exit(f"{error}: {statement}")
        else:
            plans.append([statement, [line for *_, line in plan]])
            break
    else:
        sys.exit(f"no database has the tables of {statement}")
json.dump(plans, sys.stdout)
