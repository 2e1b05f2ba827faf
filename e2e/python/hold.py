"""Holds the write lock of an SQLite file, as another program on the same data would: hold.py FILE. Prints `held`, and
releases the lock when its input ends or when it is killed."""
import sqlite3
import sys

connection = sqlite3.connect(sys.argv[1], timeout=5, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
