CREATE TABLE t (
  a text
);

INSERT INTO t
VALUES ('a
b'),
('c');
-- x
