"""The database's own time goes on evenly, in whichever zone the server lives."""

import sqlalchemy as sa

from controller.db.connection import clock
from controller.db.connection.engine import make_engine

#: When the zone below goes from summer to winter time; local times of the hour before come twice.
CHANGE = 1_792_890_000
_ZONE = (
    "INSERT IGNORE INTO mysql.time_zone VALUES (9001, 'N')",
    "INSERT IGNORE INTO mysql.time_zone_name VALUES ('Test/Summer', 9001)",
    "INSERT IGNORE INTO mysql.time_zone_transition_type VALUES (9001, 0, 7200, 1, 'S'), (9001, 1, 3600, 0, 'W')",
    f"INSERT IGNORE INTO mysql.time_zone_transition VALUES (9001, {CHANGE - 18_000_000}, 0), (9001, {CHANGE}, 1)",
)


def test_the_end_of_summer_time_is_no_jump(mariadb_server):
    for statement in _ZONE:
        mariadb_server.query(statement)
    made = make_engine(f"mysql://root@localhost/mysql?unix_socket={mariadb_server.socket}")
    sent = []
    sa.event.listen(made, "before_cursor_execute", lambda _c, _k, statement, *_more: sent.append(statement))
    try:
        with made.connect() as connection:
            connection.execute(sa.text("SET time_zone = 'Test/Summer'"))
            for moment in (CHANGE - 5400, CHANGE - 1800, CHANGE - 1, CHANGE + 1, CHANGE + 1800, CHANGE + 5400):
                connection.execute(sa.text(f"SET timestamp = {moment}.25"))
                assert clock.database_now(connection) == moment + 0.25
                # Newer MariaDBs know which of the two hours NOW() means, others and MySQL do not
                assert "NOW(" not in sent[-1]
    finally:
        made.dispose()
