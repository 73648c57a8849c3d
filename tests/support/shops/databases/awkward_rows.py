"""Tables that hang together and rows with addresses, as servers of every kind understand them; loading such texts."""

# ruff: noqa: E501 - SQL is read by the row

#: Keys that lead elsewhere, views of views, a trigger.
LINKED = r"""
CREATE TABLE parent (id int NOT NULL, code varchar(20) NOT NULL, PRIMARY KEY (id), UNIQUE KEY code (code)) ENGINE=InnoDB;
CREATE TABLE child (id int NOT NULL, parent_id int, PRIMARY KEY (id), KEY parent_id (parent_id),
  CONSTRAINT child_parent FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE CASCADE) ENGINE=InnoDB;
INSERT INTO parent VALUES (1,'one'),(2,'two');
INSERT INTO child VALUES (1,1),(2,NULL);
CREATE VIEW z_first AS SELECT id FROM parent;
CREATE VIEW a_second AS SELECT id FROM z_first;
CREATE TRIGGER child_before BEFORE INSERT ON child FOR EACH ROW SET NEW.parent_id = COALESCE(NEW.parent_id, NULL);
"""
#: Rows with the template's own host, with another one, and with none.
ADDRESSES = r"""
CREATE TABLE urls (id int NOT NULL, host varchar(255), note text, raw blob, PRIMARY KEY (id)) ENGINE=InnoDB;
INSERT INTO urls VALUES (1,'shop.template.example','see http://shop.template.example/ ''now''','shop.template.example'),
  (2,'other.example',NULL,x'ff00'),(3,NULL,'a\nb shop.template.example',NULL);
"""


def load(server, database, text):
    """Make a `database` on the server and run the statements of `text` there, with dates and numbers of every kind."""
    server.query(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
    connection = server.root_connection(database)
    with connection.cursor() as cursor:
        cursor.execute("SET sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone='+00:00'")
        for statement in text.split(";\n"):
            if statement.strip():
                cursor.execute(statement)
    connection.close()
