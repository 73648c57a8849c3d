SET NAMES latin1;
CREATE TABLE t (`cafι` varchar(20) CHARACTER SET latin1, b varchar(20) CHARACTER SET utf8mb4);
INSERT INTO t VALUES ('ιθ€', 'όber');
SET NAMES utf8mb4;
INSERT INTO t VALUES ('Γ©', 'π›’');