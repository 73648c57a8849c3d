# first; 'line
-- second " line
--
/* a ; 'b */CREATE /* c; */ TABLE t (a int) -- x;
;
INSERT INTO t VALUES (1) # ;
,(2) /* ; */,
(3--1);
/* the end; */