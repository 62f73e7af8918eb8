#!/usr/bin/env bash
# SQLite 3.40.1: a write-ahead log has no trace of its database.
#
# A backup that is copied over a database, beside the log that a killed process left, is opened
# without a word. SQLite applies the log to the backup: queries answer, with the newest rows, and
# the database is corrupt. Without the database, SQLite deletes the log.
#
# Seen with Python's sqlite3 on SQLite 3.40.1:
#   rows: 833, newest: 999, integrity_check: Page 102: btreeInitPage() returns error code 11
#   without its database, the log is: gone
#
# So a program must tell them apart by itself: read the database's file alone (URI `immutable=1`
# leaves the log out) and compare it with what the program noted outside of the database.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 - <<'PY'
import os, shutil, sqlite3

def fill(conn, first, last):
    conn.execute("BEGIN")
    for number in range(first, last):
        conn.execute("INSERT INTO t VALUES (?, ?, ?)", (number, f"row {number}", os.urandom(400)))
    conn.execute("COMMIT")

print("SQLite", sqlite3.sqlite_version)
conn = sqlite3.connect("x.db", isolation_level=None)
conn.execute("PRAGMA journal_mode = WAL")
conn.execute("PRAGMA wal_autocheckpoint = 0")
conn.execute("CREATE TABLE t (a PRIMARY KEY, b, c)")
fill(conn, 0, 500)
conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
backup = sqlite3.connect("backup.db")
conn.backup(backup)
backup.close()
conn.execute("DELETE FROM t WHERE a % 3 = 0")
fill(conn, 500, 900)
conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
fill(conn, 900, 1000)
# What a killed process leaves, with the backup copied over the database.
shutil.copy("x.db-wal", "log")
conn.close()
shutil.copy("backup.db", "x.db")
shutil.copy("log", "x.db-wal")
conn = sqlite3.connect("x.db")
many, newest = conn.execute("SELECT count(*), max(a) FROM t").fetchone()
print(f"rows: {many}, newest: {newest}, integrity_check:")
for (line,) in conn.execute("PRAGMA integrity_check(3)").fetchall():
    print("  " + line.splitlines()[-1])
conn.close()
for name in ("x.db", "x.db-wal", "x.db-shm"):
    if os.path.exists(name):
        os.remove(name)
shutil.copy("log", "x.db-wal")
sqlite3.connect("x.db").execute("SELECT count(*) FROM sqlite_schema").fetchone()
print("without its database, the log is:", "there" if os.path.exists("x.db-wal") else "gone")
PY
