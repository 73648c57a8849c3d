CREATE TABLE t (a varchar(90) CHARACTER SET utf8mb4, b varbinary(90));
INSERT INTO t VALUES
('it''s' ' one; ' "two ""x""", x'00ff27'),(N'n;', 0x4142),(_latin1'café', b'01000001'),('\0\Z\%\_\q\'', _binary 'ÿ\0þ\'\\'),('\\', X''),("\"';", NULL);